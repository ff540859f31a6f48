import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readBeir, type BeirSet } from '../../src/eval/index.ts'

/** Texts by id, and for each query its text and the documents that answer it. */
export type Queries = Record<string, [string, ...string[]]>

/** A retrieval set on disk. Further splits have queries of their own. */
export async function beir(
  name: string,
  documents: Record<string, string>,
  queries: Queries,
  splits: Record<string, Queries> = {},
): Promise<BeirSet> {
  const directory = join(await mkdtemp(join(tmpdir(), 'eval-')), name)
  await mkdir(join(directory, 'qrels'), { recursive: true })
  const lines = (entries: Record<string, string>): string =>
    Object.entries(entries)
      .map(([_id, text]) => JSON.stringify({ _id, text }))
      .join('\n')
  const all = Object.assign({}, queries, ...Object.values(splits)) as Queries
  await writeFile(join(directory, 'corpus.jsonl'), lines(documents))
  await writeFile(join(directory, 'queries.jsonl'), lines(Object.fromEntries(Object.entries(all).map(([id, [text]]) => [id, text]))))
  for (const [split, judged] of Object.entries({ test: queries, ...splits })) {
    const judgements = Object.entries(judged).flatMap(([id, [, ...answers]]) => answers.map((answer) => `${id}\t${answer}\t1`))
    await writeFile(join(directory, 'qrels', `${split}.tsv`), ['query-id\tcorpus-id\tscore', ...judgements].join('\n'))
  }
  return readBeir(directory)
}

export const care = (splits: Record<string, Queries> = {}): Promise<BeirSet> =>
  beir(
    'care',
    { d1: 'dose of ibuprofen for a child', d2: 'cough and cold', d3: 'pain' },
    { q1: ['ibuprofen dose', 'd1'], q2: ['cold cough', 'd2'], d3: ['pain', 'd2'] },
    splits,
  )

export const unix = (splits: Record<string, Queries> = {}): Promise<BeirSet> =>
  beir('unix', { d1: 'tar archive', d2: 'kill a process' }, { q1: ['tar', 'd1'], q2: ['kill', 'd2'] }, splits)
