/**
 * What does int8 cost an encoder? nDCG@10 of exact search with the vectors of its fp32 and of its int8 form, on sets with judgements.
 * `npm run study:int8 -- [--model DIR] [--data DIR] [--sets cranfield,scifact] [--split test] [--queries 200] [--documents 4000]`
 *
 * Reports only; nothing is chosen by it. Documents that are judged for a question are kept, others up to `--documents`.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ndcg, readBeir } from '../src/eval/index.ts'
import { onnxEncoder } from '../src/encoder/onnx.ts'
import { dot, type Vector } from '../src/vector.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const { values: given } = parseArgs({
  options: {
    model: { type: 'string', default: join(here, '../.cache/transformer') },
    data: { type: 'string', default: join(here, '../../shared/data') },
    sets: { type: 'string', default: 'cranfield,scifact,nfcorpus' },
    split: { type: 'string', default: 'test' },
    queries: { type: 'string', default: '200' },
    documents: { type: 'string', default: '4000' },
  },
})

if (!existsSync(given.model)) {
  console.log(`Skipped: there is no model at ${given.model}. \`npm run train:transformer\` makes one, or give another with --model.`)
  process.exit(0)
}
const forms = ['fp32', 'int8'] as const
const encoders = await Promise.all(forms.map((dtype) => onnxEncoder(given.model, { dtype })))
const differences: number[] = []
console.log('| set | documents | questions | fp32 | int8 | difference | mean cosine |\n|---|---|---|---|---|---|---|')
for (const name of given.sets.split(',')) {
  if (!existsSync(join(given.data, name))) {
    console.log(`| ${name} | skipped: not in ${given.data} |`)
    continue
  }
  const set = await readBeir(join(given.data, name))
  const judged = await set.qrels(given.split)
  const asked = [...judged].filter(([id]) => set.queries.has(id)).slice(0, Number(given.queries))
  const needed = new Set(asked.flatMap(([, grades]) => [...grades.keys()]))
  const documents: { id: string; text: string }[] = []
  let others = Math.max(0, Number(given.documents) - needed.size)
  for await (const { id, text } of set.corpus()) if (needed.has(id) || others-- > 0) documents.push({ id, text })
  const [one, other] = await Promise.all(
    encoders.map(async (encoder) => ({
      documents: await encoder.encode(documents.map(({ text }) => text)),
      queries: await encoder.encode(asked.map(([id]) => set.queries.get(id)!)),
    })),
  )
  const figure = ({ documents: vectors, queries }: { documents: readonly Vector[]; queries: readonly Vector[] }): number =>
    (100 * asked.reduce((sum, [, grades], i) => sum + ndcg(grades, nearest(queries[i]!, vectors), 10), 0)) / asked.length
  const nearest = (query: Vector, vectors: readonly Vector[]): string[] =>
    vectors
      .map((vector, i) => ({ id: documents[i]!.id, score: dot(query, vector) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, 10)
      .map(({ id }) => id)
  const [whole, quantised] = [figure(one!), figure(other!)]
  const cosine = documents.reduce((sum, _, i) => sum + dot(one!.documents[i]!, other!.documents[i]!), 0) / documents.length
  differences.push(quantised - whole)
  console.log(
    `| ${name} | ${documents.length} | ${asked.length} | ${whole.toFixed(2)} | ${quantised.toFixed(2)} | ${(quantised - whole).toFixed(2)} | ${cosine.toFixed(5)} |`,
  )
}
if (differences.length > 0) console.log(`mean difference ${(differences.reduce((a, b) => a + b, 0) / differences.length).toFixed(2)}`)
await Promise.all(encoders.map((encoder) => encoder.close()))
