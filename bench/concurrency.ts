/**
 * How much sooner are 32 questions answered that are asked at once than one after another?
 *
 *     npm run bench -- concurrency [--json FILE] [--data DIR…] [--documents 50000] [--rounds 12]
 *
 * One engine with an ONNX base and adapter experts; the ways take turns on the same questions.
 */
import { parseArgs } from 'node:util'
import type { Asking, EngineSetup } from './contenders/pilotfish-engine.ts'
import { startContender } from './harness/contender.ts'
import { readCorpus } from './harness/corpus.ts'
import { randomEncoder } from './harness/encoder.ts'
import { questionsOf } from './harness/questions.ts'
import { report } from './harness/report.ts'
import { quantile, spread, type Spread } from './harness/statistics.ts'
import { table } from './harness/table.ts'
import { tokenizerOf } from './harness/tokens.ts'
import { inTurn } from './harness/turns.ts'
import { randomMiniLm, vectorsOf } from './harness/vectors.ts'

const { values } = parseArgs({
  options: {
    data: { type: 'string', multiple: true },
    documents: { type: 'string', default: '50000' },
    rounds: { type: 'string', default: '12' },
  },
})
const rounds = Number(values.rounds)
const model = randomEncoder('minilm-l6')
const corpus = await readCorpus(values.data)
const texts = corpus.documents.slice(0, Number(values.documents)).map(({ text }) => text)
const vectors = await vectorsOf(texts, randomMiniLm)
const tokenize = tokenizerOf(model)
const lengthOf = (text: string): number => (text.length > 200 ? 200 : tokenize(text).length)
const short = corpus.queries.filter(({ text }) => lengthOf(text) >= 8 && lengthOf(text) <= 24)
const { domains, asked } = questionsOf(short, { experts: 8, examples: 60, count: 32 * rounds })
const tokens = asked.map(lengthOf)

const ways = { 'one after another': 'inTurn', 'at once': 'atOnce', 'in one call (retrieveMany)': 'inOneCall' } as const
const found: Record<string, Record<string, Spread>> = {}
for (const dtype of ['fp32', 'int8'] as const) {
  const setup: EngineSetup = { model, dtype, texts, vectors, domains }
  const engine = await startContender(new URL('./contenders/pilotfish-engine.ts', import.meta.url), setup)
  const measured = Object.entries(ways).map(([name, method]) => {
    let turn = 0
    return [
      name,
      () => {
        const from = 32 * (turn++ % rounds)
        const asking: Asking = { queries: asked.slice(from, from + 32) }
        return engine.ask<number>(method, asking)
      },
    ] as const
  })
  await inTurn(measured, 2)
  const times = await inTurn(measured, rounds)
  found[dtype] = Object.fromEntries([...times].map(([name, ms]) => [name, spread(ms.map((each) => 32_000 / each))]))
  await engine.close()
}

const gain = (dtype: string, way: string): number => found[dtype]![way]!.median / found[dtype]!['one after another']!.median
report({
  ratios: {
    'vs-sequential': gain('fp32', 'at once'),
    'many-vs-sequential': gain('fp32', 'in one call (retrieveMany)'),
    'int8-vs-sequential': gain('int8', 'at once'),
  },
  figures: { documents: texts.length, queriesPerSecond: found },
  data:
    `MiniLM-L6 shape, random weights; 32 questions a time, median ${quantile(tokens, 0.5)} tokens, routed among ${Object.keys(domains).length} ` +
    `adapter experts, BM25 as the route says; ${texts.length} of ${corpus.source}; ${rounds} rounds`,
  tables: [
    table(
      ['queries per second', 'fp32', 'quartiles', 'gain', 'int8', 'quartiles', 'gain'],
      Object.keys(ways).map((way) => [
        way,
        ...(['fp32', 'int8'] as const).flatMap((dtype) => {
          const { median, from, to } = found[dtype]![way]!
          return [median, `${from.toFixed(0)}–${to.toFixed(0)}`, `${gain(dtype, way).toFixed(2)} ×`]
        }),
      ]),
    ),
  ],
})
