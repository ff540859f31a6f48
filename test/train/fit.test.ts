import { describe, expect, it } from 'vitest'
import { fitBytes, fitRoom, type FitSet } from '../../src/train/expert/fit.ts'
import { scoreHeldOut, wholeFours } from '../../src/train/expert/look.ts'
import type { QuerySide } from '../../src/train/expert/query-side.ts'
import { bytesFor, workspace } from '../../src/train/simd/workspace.ts'

const dimensions = 4
const options = { batchSize: 4, hardNegatives: 0, negatives: 0 }

describe('scoreHeldOut', () => {
  it('leaves the rest of the workspace alone, however the sizes of sets go together', async () => {
    const sizes = [17_562, 15_802, 13_012, 5]
    const most = Math.max(...sizes)
    const space = workspace(bytesFor(...sizes.map((size) => wholeFours(size) * dimensions), 1 << 16) + fitBytes(dimensions, most, options))
    const sets = sizes.map((count): FitSet => {
      const documents = space.floats(wholeFours(count) * dimensions)
      for (let i = 0; i < count; i++) documents[i * dimensions] = i === 3 ? 1 : 0.5
      const heldOut = Array.from({ length: 64 }, (_, query) => ({ query, positives: [3] }))
      return { documents, count, queries: [], heldOut, supports: false }
    })
    const room = fitRoom(space, dimensions, most, options)
    const after = space.floats(1 << 16)
    const side = {
      dimensions,
      forward: (queries: readonly number[], out: Float32Array): void => queries.forEach((_, i) => (out[i * dimensions] = 1)),
    } as unknown as QuerySide

    expect(await scoreHeldOut(side, sets, room, undefined)).toBe(1)
    expect(after.every((value) => value === 0)).toBe(true)
  })
})
