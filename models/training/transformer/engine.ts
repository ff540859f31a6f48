import * as ort from 'onnxruntime-node'
import type { OnnxModel } from '../../../src/onnx/model.ts'
import { writeOnnx } from '../../../src/onnx/protobuf.ts'
import { adamUpdate } from '../../../src/train/adam.ts'
import type { PackedTexts } from '../../../src/train/base/packed.ts'
import { dependents, differentiate, gradientName } from '../../../src/train/gradients/differentiate.ts'
import { probeShapes, type Feeds } from '../../../src/train/gradients/probe.ts'
import { heads, withUpstream, withVectors } from '../../../src/train/gradients/training-graph.ts'
import { random } from '../../../src/train/random.ts'
import { parametersOf, tokenVectors, transformerGraph, type TransformerShape } from './graph.ts'

/** Values that learning changes, with Adam's averages. */
export interface Learned {
  readonly sides: readonly number[]
  readonly values: Float32Array
  readonly gradient: Float32Array
  readonly mean: Float32Array
  readonly square: Float32Array
}

/** Padded tokens in one run: more does not fit the processor's cache. */
const tokensAtOnce = 2048

/** All weights of a small encoder, and the graphs that run it forwards and backwards. */
export async function transformerEngine(shape: TransformerShape, table: Float32Array, threads: number, seed: number) {
  const { hidden, positions } = shape
  const weights = new Map<string, Learned>()
  parametersOf(shape).forEach(({ name, sides, start }, i) => {
    const generator = random(seed, 0x7f, i)
    const size = sides.reduce((product, side) => product * side, 1)
    weights.set(
      name,
      learned(
        sides,
        Float32Array.from({ length: size }, () => (start === 'ones' ? 1 : start === 'zeros' ? 0 : start * generator.normal())),
      ),
    )
  })
  const tokens = learned([table.length / hidden, hidden], table)
  const places = learned([positions, hidden], new Float32Array(positions * hidden))
  const touched = new Set<number>()

  const create = (model: OnnxModel): Promise<ort.InferenceSession> =>
    ort.InferenceSession.create(writeOnnx(model), {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    })
  const body = withVectors(transformerGraph(shape), { output: { name: 'last_hidden_state', of: 'tokens' }, dimensions: hidden })
  const withLoss = withUpstream(body, hidden)
  const names = [tokenVectors, ...weights.keys()]
  const active = dependents(withLoss.graph.node, names)
  const values = withLoss.graph.node
    .filter(({ output }) => output.some((name) => active.has(name)))
    .flatMap(({ input, output }) => [...input, ...output])
  const probe = (batch: number, length: number): Feeds => ({
    ...feeds(Array.from({ length: batch }, () => new Uint32Array(length))),
    [heads.upstream]: new ort.Tensor('float32', new Float32Array(batch * hidden), [batch, hidden]),
  })
  const shapes = await probeShapes(withLoss, values, [probe(3, 5), probe(4, 7)], create)
  const backward = await create(differentiate(withLoss, { loss: heads.loss, parameters: names, shapes }))
  const forward = await create(body)

  function feeds(texts: readonly Uint32Array[]): Feeds {
    const length = Math.max(1, ...texts.map((text) => text.length))
    const vectors = new Float32Array(texts.length * length * hidden)
    const mask = new BigInt64Array(texts.length * length)
    const pooling = new Float32Array(texts.length * length)
    texts.forEach((text, row) =>
      text.forEach((token, place) => {
        const at = row * length + place
        for (let d = 0; d < hidden; d++) vectors[at * hidden + d] = tokens.values[token * hidden + d]! + places.values[place * hidden + d]!
        mask[at] = 1n
        pooling[at] = 1 / text.length
      }),
    )
    return {
      [tokenVectors]: new ort.Tensor('float32', vectors, [texts.length, length, hidden]),
      attention_mask: new ort.Tensor('int64', mask, [texts.length, length]),
      [heads.pooling]: new ort.Tensor('float32', pooling, [texts.length, length]),
      ...Object.fromEntries([...weights].map(([name, { values, sides }]) => [name, new ort.Tensor('float32', values, sides)])),
    }
  }

  /** Texts of similar length run together. */
  function chunks(texts: readonly Uint32Array[]): number[][] {
    const order = texts.map((_, i) => i).sort((a, b) => texts[b]!.length - texts[a]!.length)
    const batches: number[][] = []
    for (const i of order) {
      const last = batches.at(-1)
      if (last && texts[last[0]!]!.length * (last.length + 1) <= tokensAtOnce) last.push(i)
      else batches.push([i])
    }
    return batches
  }

  return {
    hidden,
    weights,
    tokens,
    places,
    /** Unit vectors of texts, one after another. */
    async encode(texts: readonly Uint32Array[]): Promise<Float32Array> {
      const vectors = new Float32Array(texts.length * hidden)
      for (const batch of chunks(texts)) {
        const result = await forward.run(feeds(batch.map((i) => texts[i]!)), [heads.vectors])
        const found = result[heads.vectors]!.data as Float32Array
        batch.forEach((i, row) => texts[i]!.length > 0 && vectors.set(found.subarray(row * hidden, (row + 1) * hidden), i * hidden))
      }
      return vectors
    },
    /** Adds to the gradients what `upstream`, the gradient with respect to the texts' vectors, makes of them. */
    async backpropagate(texts: readonly Uint32Array[], upstream: Float32Array): Promise<void> {
      for (const batch of chunks(texts)) {
        const rows = new Float32Array(batch.length * hidden)
        batch.forEach((i, row) => rows.set(upstream.subarray(i * hidden, (i + 1) * hidden), row * hidden))
        const result = await backward.run(
          { ...feeds(batch.map((i) => texts[i]!)), [heads.upstream]: new ort.Tensor('float32', rows, [batch.length, hidden]) },
          names.map(gradientName),
        )
        for (const [name, { gradient }] of weights) addTo(gradient, result[gradientName(name)]!.data as Float32Array)
        const found = result[gradientName(tokenVectors)]!
        const length = found.dims[1]!
        const given = found.data as Float32Array
        batch.forEach((i, row) =>
          texts[i]!.forEach((token, place) => {
            touched.add(token)
            const at = (row * length + place) * hidden
            for (let d = 0; d < hidden; d++) {
              tokens.gradient[token * hidden + d]! += given[at + d]!
              places.gradient[place * hidden + d]! += given[at + d]!
            }
          }),
        )
      }
    },
    /** One step of Adam; gradients start again from zero. The tables move at `tableRate`, and only in rows that were used. */
    learn(rate: number, tableRate: number, step: number): void {
      const norm = Math.sqrt([...weights.values()].reduce((sum, { gradient }) => sum + squares(gradient), 0))
      const clip = norm > 1 ? 1 / norm : 1
      for (const { values, gradient, mean, square } of weights.values()) {
        if (clip < 1) for (let i = 0; i < gradient.length; i++) gradient[i]! *= clip
        adamUpdate(values, gradient, { mean, square }, 0, values.length, { rate, step, beta2: 0.98 })
        gradient.fill(0)
      }
      adamUpdate(places.values, places.gradient, places, 0, places.values.length, { rate: tableRate, step, beta2: 0.98 })
      places.gradient.fill(0)
      for (const token of touched) {
        adamUpdate(tokens.values, tokens.gradient, tokens, token * hidden, (token + 1) * hidden, { rate: tableRate, step, beta2: 0.98 })
        tokens.gradient.fill(0, token * hidden, (token + 1) * hidden)
      }
      touched.clear()
    },
    async close(): Promise<void> {
      await forward.release()
      await backward.release()
    },
  }
}

/** Texts one by one, each cut to a length. */
export function textsOf({ tokens, offsets }: PackedTexts, longest: number): Uint32Array[] {
  return Array.from({ length: offsets.length - 1 }, (_, i) =>
    tokens.subarray(offsets[i]!, Math.min(offsets[i + 1]!, offsets[i]! + longest)),
  )
}

function learned(sides: readonly number[], values: Float32Array): Learned {
  const same = (): Float32Array => new Float32Array(values.length)
  return { sides, values, gradient: same(), mean: same(), square: same() }
}

function addTo(sum: Float32Array, values: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!
}

function squares(values: Float32Array): number {
  let sum = 0
  for (const value of values) sum += value * value
  return sum
}
