import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { heldOutQueries, type BasePair, type BaseTask } from '../../src/train/index.ts'

/** A collection in BEIR form, with its train queries divided into those that train and those that choose. */
export interface TrainingSet {
  readonly name: string
  readonly documents: readonly { readonly id: string; readonly title: string; readonly text: string }[]
  readonly train: readonly JudgedQuery[]
  /** Train queries kept from all training. */
  readonly heldOut: readonly JudgedQuery[]
  /** The set's own development queries; never trained on. */
  readonly dev: readonly JudgedQuery[]
}

export interface JudgedQuery {
  readonly id: string
  readonly text: string
  /** Places among the documents. */
  readonly positives: readonly number[]
  /** The answer without the words the query was made from. */
  readonly variant?: string
}

/** Reads a set's texts, train and dev judgements. Test judgements are never opened. */
export function readTrainingSet(directory: string, name: string, seed: number): TrainingSet {
  const documents = readLines<{ _id: string; title?: string; text: string }>(join(directory, name, 'corpus.jsonl')).map(
    ({ _id: id, title = '', text }) => ({ id, title, text }),
  )
  const placeOf = new Map(documents.map(({ id }, place) => [id, place]))
  const judged = (split: string, queries: string): JudgedQuery[] => {
    const file = join(directory, name, 'qrels', `${split}.tsv`)
    if (!existsSync(file)) return []
    const texts = new Map(readLines<{ _id: string; text: string }>(join(directory, name, queries)).map(({ _id, text }) => [_id, text]))
    const positives = new Map<string, number[]>()
    for (const line of readFileSync(file, 'utf8').trim().split('\n').slice(1)) {
      const [query, document, grade] = line.split('\t')
      const place = placeOf.get(document!)
      if (Number(grade) <= 0 || place === undefined || !texts.has(query!)) continue
      positives.set(query!, [...(positives.get(query!) ?? []), place])
    }
    return [...positives].map(([id, places]) => ({ id, text: texts.get(id)!, positives: places }))
  }

  const all = judged('train', 'queries.jsonl')
  const kept = new Set(
    heldOutQueries(
      all.map(({ id }) => id),
      300,
      seed,
    ),
  )
  const generated = judged('gen', 'gen-queries.jsonl').map((query) => ({
    ...query,
    variant: withoutDocstring(documents[query.positives[0]!]!.text),
  }))
  return {
    name,
    documents,
    train: [...all.filter(({ id }) => !kept.has(id)), ...generated],
    heldOut: all.filter(({ id }) => kept.has(id)),
    dev: judged('dev', 'queries.jsonl'),
  }
}

/** What the base learns from a set: all of it, or the documents alone. */
export function baseTask({ name, documents, train }: TrainingSet, supervised: boolean): BaseTask {
  const pairs = supervised
    ? train.map(({ text: query, positives, variant }): BasePair => ({ query, positives, ...(variant !== undefined && { variant }) }))
    : []
  return { name, documents, pairs }
}

function withoutDocstring(code: string): string {
  return code.replace(/("""|''')[\s\S]*?\1/u, '')
}

function readLines<T>(file: string): T[] {
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T)
}
