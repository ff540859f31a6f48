import { describe, expect, it } from 'vitest'
import { rememberedDocuments } from '../../src/studies/remembered-documents.ts'
import { toyEncoder } from '../engine-fixture.ts'

describe('rememberedDocuments', () => {
  it('embeds a text once, whoever asks, and gives vectors in order', async () => {
    const base = toyEncoder(['tar', 'grep'])
    const remembered = rememberedDocuments()

    const first = await remembered(base).encode(['tar', 'grep', 'tar'])
    const second = await remembered(base).encode(['grep', 'tar', 'tar grep'])

    expect(base.texts).toEqual(['tar', 'grep', 'tar grep'])
    expect(first.map((vector) => [...vector])).toEqual([[1, 0], [0, 1], [1, 0]]) // prettier-ignore
    expect(second[0]).toBe(first[1])
    expect(second[2]![0]).toBeCloseTo(Math.SQRT1_2, 6)
  })

  it('keeps encoders apart by their id', async () => {
    const remembered = rememberedDocuments()
    await remembered(toyEncoder(['tar', 'grep'])).encode(['tar'])
    const other = await remembered(toyEncoder(['grep', 'tar'])).encode(['tar'])

    expect([...other[0]!]).toEqual([0, 1])
  })
})
