/**
 * What does a step of LoRA training cost next to a forward pass of the same batch, and how many queries does it learn from in a second?
 *
 *     npm run bench -- lora-training [--json FILE] [--batch 32] [--tokens 16] [--targets query,value] [--rank 8]
 *                                    [--rounds 40] [--threads 2]
 *
 * The model has the shape of MiniLM-L6 and random weights. A step is all of it: drawing the batch, forward, loss, backward, clipping, AdamW, and the
 * way to the worker and back. `step` changes the layers of `--targets`, `step-all-linear` all of them. The pass beside it is bare onnxruntime on as many queries of as many tokens, with as many threads; the two take turns.
 */
import { loadavg } from 'node:os'
import { performance } from 'node:perf_hooks'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { onnxEncoder } from 'pilotfish'
import { trainExpert } from 'pilotfish/train'
import { randomEncoder } from './harness/encoder.ts'
import { median } from './harness/interleaved.ts'
import { commit, machine, report } from './harness/report.ts'

const { values } = parseArgs({
  options: {
    batch: { type: 'string', default: '32' },
    tokens: { type: 'string', default: '16' },
    targets: { type: 'string', default: 'query,value' },
    rank: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '40' },
    threads: { type: 'string', default: '2' },
  },
})
const [batch, tokens, rank, rounds, threads] = [values.batch, values.tokens, values.rank, values.rounds, values.threads].map(Number) as [
  number,
  number,
  number,
  number,
  number,
]
console.log(`${machine()}, commit ${commit()}, load ${loadavg()[0]!.toFixed(1)}`)
console.log(`MiniLM-L6 shape, random weights, fp32; ${batch} queries of ${tokens} tokens, rank ${rank}, ${threads} threads\n`)

const directory = randomEncoder('minilm-l6')
const session = await InferenceSession.create(join(directory, 'onnx/model.onnx'), {
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  extra: { session: { intra_op: { allow_spinning: '0' } } },
})
const ids = (value: bigint): Tensor => new Tensor('int64', new BigInt64Array(batch * tokens).fill(value), [batch, tokens])
const feeds = Object.fromEntries(
  session.inputNames.map((name) => [name, ids(name === 'attention_mask' ? 1n : name === 'input_ids' ? 100n : 0n)]),
)

// One letter is one token: all texts are equally long, opening and closing tokens included.
const letters = (seed: number): string =>
  Array.from({ length: tokens - 2 }, (_, i) => 'abcdefghij'[Math.floor(seed / 10 ** (i % 3) + i * i) % 10]).join(' ')
const pairs = Array.from({ length: 400 }, (_, i) => ({ query: letters(i + 1), document: `${letters(i + 1)} x` }))
if (new Set(pairs.map(({ query }) => query)).size < 320) throw new Error('The questions are too few for a batch.')
const base = await onnxEncoder(directory, { threads })
const ways = { [values.targets]: await measure(values.targets.split(',')), 'all-linear': await measure('all-linear') }
await session.release()
await base.close()

const [some, all] = [ways[values.targets]!, ways['all-linear']]
const ratios = { step: some.step / some.forward, 'step-all-linear': all.step / all.forward }
const perSecond = (milliseconds: number): number => (1000 * batch) / milliseconds
console.log(
  '| layers changed | forward pass, bare onnxruntime, ms | training step, ms | ratio | queries/s |\n| --- | ---: | ---: | ---: | ---: |',
)
for (const [name, { forward, step }] of Object.entries(ways))
  console.log(`| ${name} | ${forward.toFixed(1)} | ${step.toFixed(1)} | ${(step / forward).toFixed(2)} | ${perSecond(step).toFixed(0)} |`)
report({
  ratios,
  figures: {
    setting: { batch, tokens, rank, targets: values.targets, threads, rounds },
    load: loadavg()[0],
    milliseconds: ways,
    queriesPerSecond: { step: perSecond(some.step), 'step-all-linear': perSecond(all.step) },
  },
})

/** Median milliseconds of a step and of a pass, in turn. */
async function measure(targets: readonly string[] | 'all-linear'): Promise<{ forward: number; step: number }> {
  const forward: number[] = []
  const step: number[] = []
  const warmUp = 5
  let started = 0
  await trainExpert({
    name: 'bench',
    method: 'lora',
    base,
    pairs,
    folds: 0,
    batchSize: batch,
    targets,
    rank,
    threads,
    steps: rounds + warmUp,
    // No look at held-out queries falls into a step.
    rates: [1e-6],
    force: true,
    checkpointEvery: 1,
    onProgress({ stage, done, total }) {
      if (stage === 'train' && started > 0 && done > warmUp && done % Math.max(10, Math.round(total / 10)) !== 0)
        step.push(performance.now() - started)
    },
    async onCheckpoint() {
      // The second of two: the first one brings the weights back into the cache, which is to the step's disadvantage.
      await session.run(feeds)
      const before = performance.now()
      await session.run(feeds)
      forward.push(performance.now() - before)
      started = performance.now()
    },
  })
  return { forward: median(forward.slice(warmUp)), step: median(step) }
}
