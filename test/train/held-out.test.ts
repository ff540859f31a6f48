import { describe, expect, it } from 'vitest'
import { heldOutQueries } from '../../src/train/index.ts'

const ids = Array.from({ length: 1200 }, (_, i) => `q${i}`)

describe('heldOutQueries', () => {
  it('takes at most the limit and at most a third', () => {
    expect(heldOutQueries(ids)).toHaveLength(300)
    expect(heldOutQueries(ids.slice(0, 90))).toHaveLength(30)
    expect(heldOutQueries(['a', 'b'])).toEqual([])
  })

  it('does not depend on order or repetition', () => {
    expect(heldOutQueries([...ids].reverse())).toEqual(heldOutQueries(ids))
    expect(heldOutQueries([...ids, ...ids])).toEqual(heldOutQueries(ids))
  })

  it('depends on the seed', () => {
    expect(heldOutQueries(ids, 300, 2)).not.toEqual(heldOutQueries(ids, 300, 1))
  })
})
