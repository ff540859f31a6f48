import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { loadStaticModel } from '../../src/encoder/static-model.ts'
import { staticEncoder } from '../../src/encoder/static.ts'
import { trainExpert } from '../../src/train/index.ts'
import { dot } from '../../src/vector.ts'
import { tradePairs } from '../pack-training/pairs.ts'

const model = await loadStaticModel(join(fileURLToPath(new URL('../..', import.meta.url)), 'models/bundled/base'))
const base = staticEncoder(model)
const common = { name: 'trade', pairs: tradePairs, base: model, method: 'table', rates: [2e-2], steps: 40 } as const

describe('cross-fitting', () => {
  it('gives each query once, with the vector of an expert that has not learned from it', async () => {
    const { unseen, changes, heldOut } = await trainExpert({ ...common, crossFit: true })

    expect(unseen!.map(({ text }) => text).sort()).toEqual(tradePairs.map(({ query }) => query).sort())
    const final = staticEncoder(model, { changes: { id: 'final', ...changes } })
    const texts = unseen!.map(({ text }) => text)
    const [seenVectors, baseVectors] = [await final.encode(texts), await base.encode(texts)]
    const documents = await base.encode(texts.map((text) => tradePairs.find(({ query }) => query === text)!.document))
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
    const closeness = (vectors: readonly Float32Array[]): number => mean(vectors.map((vector, i) => dot(vector, documents[i]!)))
    const crossFitted = closeness(unseen!.map(({ vector }) => vector))
    expect(crossFitted).toBeGreaterThan(closeness(baseVectors) + 0.05)
    expect(crossFitted).toBeLessThan(closeness(seenVectors))
    expect(heldOut.expert).toBeGreaterThan(heldOut.general)
  })

  it('changes nothing of the expert', async () => {
    const [plain, crossFitted] = [await trainExpert(common), await trainExpert({ ...common, crossFit: true })]

    expect(plain.unseen).toBeUndefined()
    expect(crossFitted.changes).toEqual(plain.changes)
  })
})
