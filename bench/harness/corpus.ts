import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readBeir } from 'pilotfish/eval'
import { randomNumbers, shuffled } from './random.ts'

/** What benchmarks index and ask. */
export interface Corpus {
  /** In a seeded order, so that the first of them are a sample of all. */
  readonly documents: readonly CorpusDocument[]
  readonly queries: readonly CorpusQuery[]
  /** Whence, for the line under a table. */
  readonly source: string
}

export interface CorpusDocument {
  readonly id: string
  readonly text: string
}

export interface CorpusQuery {
  readonly text: string
  /** The set it belongs to: its domain. */
  readonly set: string
}

const besideRepository = fileURLToPath(new URL('../../../shared/data/', import.meta.url))
const seed = 1

/**
 * Documents and questions of retrieval sets in BEIR's layout: those of `directories` (sets, or folders of sets), else of `../shared/data`
 * where that is there, else made up by a seeded generator with lengths as documents have them.
 */
export async function readCorpus(directories: readonly string[] = []): Promise<Corpus> {
  const given = directories.length > 0 ? directories : existsSync(besideRepository) ? [besideRepository] : []
  const sets = given.flatMap((directory) => (isSet(directory) ? [directory] : setsIn(directory)))
  if (directories.length > 0 && sets.length === 0)
    throw new Error(`There is no corpus.jsonl in ${directories.join(', ')} nor one folder below.`)
  return sets.length === 0 ? madeUp() : real(sets)
}

async function real(directories: readonly string[]): Promise<Corpus> {
  const documents: CorpusDocument[] = []
  const queries: CorpusQuery[] = []
  for (const directory of directories) {
    const set = await readBeir(directory)
    const name = basename(directory)
    for await (const { id, title, text } of set.corpus()) documents.push({ id: `${name}/${id}`, text: title ? `${title}. ${text}` : text })
    for (const text of set.queries.values()) queries.push({ text, set: name })
  }
  const names = directories.map((directory) => basename(directory))
  const listed = names.length > 6 ? `${names.length} sets (${names[0]} to ${names.at(-1)})` : names.join(', ')
  return { documents: shuffled(documents, seed), queries: shuffled(queries, seed), source: `${documents.length} documents of ${listed}` }
}

function isSet(directory: string): boolean {
  return existsSync(join(directory, 'corpus.jsonl'))
}

function setsIn(directory: string): string[] {
  return readdirSync(directory)
    .sort()
    .map((name) => join(directory, name))
    .filter(isSet)
}

/** Words by Zipf's law in twenty domains, lengths lognormal; a question is a handful of words of one document. */
function madeUp(): Corpus {
  const random = randomNumbers(seed)
  const syllables = 'ba de fi go ku la me ni po ru sa te vi wo xa yo za cre plo sti tra gra blo'.split(' ')
  const vocabulary = Array.from({ length: 20_000 }, () =>
    Array.from({ length: 1 + Math.floor(random() * 3) }, () => syllables[Math.floor(random() * syllables.length)]).join(''),
  )
  const gaussian = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const documents: CorpusDocument[] = []
  const queries: CorpusQuery[] = []
  for (let i = 0; i < 120_000; i++) {
    const domain = Math.floor(random() * 20)
    const words = Array.from({ length: Math.max(5, Math.round(Math.exp(3.4 + 0.7 * gaussian()))) }, () => {
      const rank = Math.floor(vocabulary.length ** random()) - 1
      // A third of a text is its domain's own.
      return vocabulary[random() < 0.33 ? (rank * 20 + domain) % vocabulary.length : rank]!
    })
    documents.push({ id: `d${i}`, text: words.join(' ') })
    if (i % 20 === 0) {
      const text = Array.from({ length: 4 + Math.floor(random() * 8) }, () => words[Math.floor(random() * words.length)]).join(' ')
      queries.push({ text, set: `domain-${domain}` })
    }
  }
  return { documents, queries, source: `${documents.length} documents made up by Zipf's law (seed ${seed}), as no real ones were there` }
}
