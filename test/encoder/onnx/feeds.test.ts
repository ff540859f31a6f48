import { describe, expect, it } from 'vitest'
import { sequenceFeeds, type Feeds } from '../../../src/encoder/onnx/feeds.ts'

const all = new Set(['input_ids', 'attention_mask', 'token_type_ids', 'position_ids'])
const numbers = (feeds: Feeds): Record<string, number[]> =>
  Object.fromEntries(Object.entries(feeds).map(([name, { values }]) => [name, Array.from(values, Number)]))
const sequences = [Uint32Array.of(7, 4_000_000_000, 9), Uint32Array.of(5)]

describe('sequenceFeeds', () => {
  it('fills shorter sequences up and masks that', () => {
    const feeds = sequenceFeeds(sequences, 'padded', 3, all)

    expect(numbers(feeds)).toEqual({
      input_ids: [7, 4_000_000_000, 9, 5, 3, 3],
      attention_mask: [1, 1, 1, 1, 0, 0],
      token_type_ids: [0, 0, 0, 0, 0, 0],
      position_ids: [0, 1, 2, 0, 1, 2],
    })
    for (const { sides } of Object.values(feeds)) expect(sides).toEqual([2, 3])
  })

  it('puts all in one row with offsets', () => {
    const feeds = sequenceFeeds(sequences, 'flat', 3, all)

    expect(numbers(feeds)).toEqual({ input_ids: [7, 4_000_000_000, 9, 5], offsets: [0, 3] })
  })

  it('gives positions and types of any shape, one after the other', () => {
    for (const [rows, width] of [
      [1, 5],
      [3, 5],
      [2, 5],
      [2, 900],
      [1, 5],
    ] as const) {
      const feeds = numbers(
        sequenceFeeds(
          Array.from({ length: rows }, () => new Uint32Array(width)),
          'padded',
          0,
          all,
        ),
      )

      expect(feeds.position_ids).toEqual(Array.from({ length: rows * width }, (_, i) => i % width))
      expect(feeds.token_type_ids).toEqual(Array.from({ length: rows * width }, () => 0))
    }
  })

  it('makes nothing that the graph does not read', () => {
    expect(Object.keys(sequenceFeeds(sequences, 'padded', 0, new Set(['input_ids', 'attention_mask'])))).toEqual([
      'input_ids',
      'attention_mask',
    ])
  })
})
