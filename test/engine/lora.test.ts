import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeEncoder } from '../../models/encoders/architecture.ts'
import { writeEncoder } from '../../models/encoders/files.ts'
import type { Encoder } from '../../src/encoder/encoder.ts'
import { loraEncoder } from '../../src/encoder/lora.ts'
import { linearLayers } from '../../src/encoder/lora/linear-layers.ts'
import { targetLayers } from '../../src/encoder/lora/targets.ts'
import { onnxEncoder } from '../../src/encoder/onnx.ts'
import { createEngine } from '../../src/engine/create.ts'
import type { Engine } from '../../src/engine.ts'
import type { LoraExpert } from '../../src/expert/expert.ts'
import { fusion } from '../../src/routing/convex-fusion.ts'
import { textRouter } from '../../src/routing/text-router.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { changesOf, weightsOf } from '../encoder/lora/merged.ts'

const model = makeEncoder('bert-tiny')
const layers = targetLayers(linearLayers(model), ['query', 'value'])
const documents = ['the law of payment', 'code in a file', 'people at the bank', 'a loan for a year'].map((text, i) => ({
  id: `d${i}`,
  text,
}))
const law = ['what is the law', 'is it law to loan', 'law of the bank']
const code = ['find the code', 'code in which file', 'process a file']

describe('an engine with LoRA experts', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pilotfish-'))
  let base: Encoder
  let engine: Engine
  const experts: LoraExpert[] = []
  beforeAll(async () => {
    writeEncoder(directory, 'bert-tiny', { model })
    base = await onnxEncoder(directory)
    const general = { kind: 'model', name: 'general', queryEncoder: base, documentEncoder: base } as const
    engine = createEngine({ base, experts: [general], general: 'general', router: textRouter([]), fusion: fusion(), store: memoryStore() })
    for (const [i, [name, queries]] of Object.entries({ law, code }).entries()) {
      const queryEncoder = await loraEncoder(base, weightsOf(layers, changesOf(layers, i)))
      const expert: LoraExpert = { kind: 'lora', name, queryEncoder, documentEncoder: base }
      experts.push(expert)
      await engine.experts.add(expert, { queries })
    }
    await engine.add(documents)
  })
  afterAll(async () => {
    await engine.close()
    for (const { queryEncoder } of experts) await queryEncoder.close()
    await base.close()
    rmSync(directory, { recursive: true })
  })

  it('embeds documents once for all of them', async () => {
    expect((await engine.info()).spaces).toEqual([{ space: base.id, dimensions: base.dimensions, vectors: documents.length }])
    expect(engine.experts.list().map(({ kind }) => kind)).toEqual(['model', 'lora', 'lora'])
  })

  it('asks each expert for its own vector of a query', async () => {
    const query = 'a loan for a year'

    for (const { name, queryEncoder } of experts) {
      const { hits } = await engine.retrieve(query, { expert: name, lexicalWeight: 0 })
      const [[vector], [document]] = [await queryEncoder.encode([query]), await base.encode(['a loan for a year'])]
      const cosine = vector!.reduce((sum, value, i) => sum + value * document![i]!, 0)
      expect(hits.find(({ document: { id } }) => id === 'd3')!.similarity).toBeCloseTo(cosine, 4)
    }
  })

  it('answers many queries for several experts as it answers each of them alone', async () => {
    const queries = [...law, ...code, 'people']

    const together = await engine.retrieveMany(queries)

    const alone = await Promise.all(queries.map((query) => engine.retrieve(query)))
    expect(together.map(({ route }) => route.experts[0]!.name)).toEqual(alone.map(({ route }) => route.experts[0]!.name))
    expect(new Set(together.map(({ route }) => route.experts[0]!.name)).size).toBeGreaterThan(1)
    together.forEach(({ hits }, i) => {
      expect(hits.map(({ document: { id } }) => id)).toEqual(alone[i]!.hits.map(({ document: { id } }) => id))
      hits.forEach(({ score }, j) => expect(score).toBeCloseTo(alone[i]!.hits[j]!.score, 4))
    })
  })
})
