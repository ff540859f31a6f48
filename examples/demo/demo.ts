/**
 * Mixed questions, mixed documents, one index: see which expert each question goes to, and what that is worth.
 *
 *   npm run demo                          the questions in questions.json
 *   npm run demo -- "your question"       one of your own
 *   npm run demo -- --pack DIRECTORY      with other experts than the bundled ones
 *   npm run -s demo -- --json             the same as JSON, for programs
 *
 * Nothing leaves this machine: the experts come with the package and the index lives in memory. Some of them arrived
 * later: the base was finished before anyone had shown it a question of theirs, as it will be when you train an expert
 * of your own. What routing is worth there is counted separately at the end.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type * as library from 'pilotfish'
import type { Document, Engine, Retrieval } from 'pilotfish'
import { screen, type Answer } from './screen.ts'

interface Question {
  readonly question: string
  /** The domains a person would file it under. */
  readonly domain: readonly string[]
  /** Documents that answer it. */
  readonly expected: readonly string[]
}

const here = (name: string): URL => new URL(name, import.meta.url)
const documents = readFileSync(here('corpus.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Document)
const questions = JSON.parse(readFileSync(here('questions.json'), 'utf8')) as Question[]

try {
  await demo()
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

async function demo(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false }, pack: { type: 'string' } },
  })
  const { json, pack } = values
  const own = positionals.join(' ').trim()
  const asked: readonly Question[] = own === '' ? questions : [{ question: own, domain: [], expected: [] }]

  const engine = await openEngine(pack)
  try {
    const experts = engine.experts.list()
    const show = screen(json ? undefined : process.stdout, experts)
    show.title(documents.length, own === '' ? questions.length : 0)
    const started = performance.now()
    // Small batches only so that the bar moves; the default of 512 is faster.
    await engine.add(documents, { batchSize: 32, onProgress: ({ done, total }) => show.indexing(done, total ?? documents.length) })
    const seconds = (performance.now() - started) / 1000
    const { spaces } = await engine.info()
    show.indexed(
      documents.length,
      spaces.reduce((sum, { vectors }) => sum + vectors, 0),
      seconds,
    )

    const answers: Answer[] = []
    for (const [i, { question, expected, domain }] of asked.entries()) {
      const routed = await engine.retrieve(question, { topK: 5 })
      // The same documents and index, but one general embedding model and nothing else: no expert, no BM25.
      const general = await engine.retrieve(question, { topK: 5, expert: 'general', lexicalWeight: 0 })
      const answer = { question, expected, domain, routed, general }
      answers.push(answer)
      show.answer(i + 1, answer)
    }
    if (json) process.stdout.write(`${JSON.stringify({ questions: answers.map(plain) }, undefined, 2)}\n`)
    else if (own === '') show.summary(answers)
  } finally {
    await engine.close()
  }
}

async function openEngine(pack: string | undefined): Promise<Engine> {
  let pilotfish: typeof library
  try {
    pilotfish = await import('pilotfish')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND')
      throw new Error('the package is not built yet; run npm run build', { cause: error })
    throw error
  }
  return pilotfish.openPilotfish(pack === undefined ? {} : { pack })
}

function plain({ question, expected, routed, general }: Answer) {
  const ids = ({ hits }: Retrieval): string[] => hits.map(({ document }) => document.id)
  return { question, expected, expert: routed.route.experts[0]?.name ?? '', hits: ids(routed), general: ids(general) }
}
