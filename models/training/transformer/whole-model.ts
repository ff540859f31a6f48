import { statSync } from 'node:fs'
import { join } from 'node:path'
import { warmUpThenDecay } from '../../../src/train/adam.ts'
import { drawBlock } from '../../../src/train/base/block.ts'
import { packTask } from '../../../src/train/base/packed.ts'
import { meanNdcg10 } from '../../../src/train/index.ts'
import { random, sampleBelow } from '../../../src/train/random.ts'
import { baseTask, type TrainingSet } from '../sets.ts'
import { contrast } from './contrast.ts'
import { textsOf, transformerEngine } from './engine.ts'
import { readTransformer, writeTransformer } from './files.ts'
import { smallEncoder } from './graph.ts'

export interface WholeModelOptions {
  /** Directory of the encoder to start from. */
  readonly base: string
  readonly tokenize: (text: string) => Uint32Array
  readonly threads: number
  readonly seed: number
  readonly say: (line: string) => void
  /** @default 300 */
  readonly steps?: number
}

/** An encoder all of whose weights were trained on for a domain: a model of its own, with vectors of its own for every document. */
export interface WholeModel {
  /** nDCG@10 on held-out queries, at most 150 a set, over at most 3000 documents of it. */
  readonly heldOut: number
  readonly bytes: number
  write(directory: string, base: string): Promise<void>
}

const settings = { pairs: 64, longest: 64, dropout: 0.1, rate: 3e-4, tableRate: 1e-3, temperature: 0.05 }

/** Trains all weights for one domain, both sides; the state that did best on held-out queries is kept. */
export async function trainWholeModel(sets: readonly TrainingSet[], options: WholeModelOptions): Promise<WholeModel> {
  const { base, tokenize, threads, seed, say, steps = 300 } = options
  const shape = smallEncoder(256)
  const table = new Float32Array(24_000 * shape.hidden)
  const engine = await transformerEngine(shape, table, threads, seed)
  readTransformer(base, engine)
  const tasks = sets.map((set) => packTask(baseTask(set, true), (text) => [...tokenize(text)]))
  const learned = [...engine.weights.values(), engine.tokens, engine.places]
  let best = { score: await score(), kept: learned.map(({ values }) => values.slice()) }
  say(`held out ${(100 * best.score).toFixed(1)} at the start`)
  for (let step = 0; step < steps; step++) {
    const block = drawBlock(tasks, { size: settings.pairs, pairShare: 1, dropout: settings.dropout }, random(seed, step, 0xb10c))
    const texts = [...textsOf(block.queries, settings.longest), ...textsOf(block.documents, settings.longest)]
    const { upstream } = contrast(await engine.encode(texts), shape.hidden, block, settings.temperature)
    await engine.backpropagate(texts, upstream)
    engine.learn(warmUpThenDecay(step, steps, settings.rate), warmUpThenDecay(step, steps, settings.tableRate), step + 1)
    if ((step + 1) % 100 > 0) continue
    const now = await score()
    say(`held out ${(100 * now).toFixed(1)} after step ${step + 1}`)
    if (now > best.score) best = { score: now, kept: learned.map(({ values }) => values.slice()) }
  }
  learned.forEach(({ values }, i) => values.set(best.kept[i]!))
  await engine.close()
  return {
    heldOut: best.score,
    bytes: statSync(join(base, 'onnx/model.onnx')).size,
    write: (directory, from) => writeTransformer(directory, engine, shape, from),
  }

  async function score(): Promise<number> {
    let sum = 0
    for (const { documents, heldOut } of sets) {
      const asked = sampleBelow(heldOut.length, 150, random(1)).map((i) => heldOut[i]!)
      const answers = new Set(asked.flatMap(({ positives }) => positives))
      const others = sampleBelow(documents.length, 3000, random(2)).filter((place) => !answers.has(place))
      const places = [...answers, ...others.slice(0, Math.max(0, 3000 - answers.size))]
      const placeOf = new Map(places.map((place, i) => [place, i]))
      const known = await engine.encode(
        places.map((place) => tokenize(`${documents[place]!.title} ${documents[place]!.text}`).slice(0, 128)),
      )
      const queries = await engine.encode(asked.map(({ text }) => tokenize(text)))
      const rows = asked.map((_, i) => queries.subarray(i * shape.hidden, (i + 1) * shape.hidden))
      sum += meanNdcg10(
        rows,
        known,
        asked.map(({ positives }) => positives.map((place) => placeOf.get(place)!)),
      )
    }
    return sum / sets.length
  }
}
