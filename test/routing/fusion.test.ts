import { describe, expect, it } from 'vitest'
import { defaultCalibration, readCalibration, type Calibration } from '../../src/routing/calibration.ts'
import { fusion } from '../../src/routing/convex-fusion.ts'
import type { Route } from '../../src/routing/router.ts'
import type { Candidate } from '../../src/store/store.ts'

const route = (experts: readonly [string, number][], lexicalWeight: number): Route => ({
  decision: 'expert',
  experts: experts.map(([name, weight]) => ({ name, weight })),
  scores: [],
  confidence: 1,
  margin: 1,
  lexicalWeight,
})
const candidate = (id: string, similarities: readonly number[], lexical = 0): Candidate => ({ id, similarities, lexical })
const order = (hits: readonly { id: string }[]): string => hits.map(({ id }) => id).join('')
const calibration: Calibration = {
  similarity: { default: { centre: 0.5, slope: 3 }, experts: { low: { centre: 0.2, slope: 3 }, high: { centre: 0.8, slope: 3 } } },
  lexical: { half: 5 },
}
const fuse = fusion(calibration)

describe('fusion', () => {
  it('orders by cosine alone when BM25 has no say', () => {
    const candidates = [candidate('a', [0.2], 50), candidate('b', [0.9]), candidate('c', [0.5], 3)]

    expect(order(fuse({ candidates, lexicalBound: 60 }, route([['low', 1]], 0)))).toBe('bca')
  })

  it('orders by BM25 alone when it has all the say', () => {
    const candidates = [candidate('a', [0.2], 50), candidate('b', [0.9]), candidate('c', [0.5], 3)]

    expect(order(fuse({ candidates, lexicalBound: 60 }, route([['low', 1]], 1)))).toBe('acb')
  })

  it('rises with the cosine and with BM25, without end', () => {
    for (const [better, worse] of [
      [candidate('a', [0.999], 1), candidate('b', [0.998], 1)],
      [candidate('a', [-0.9], 1), candidate('b', [-1], 1)],
      [candidate('a', [0.5], 1000), candidate('b', [0.5], 999)],
      [candidate('a', [0.5], 0.001), candidate('b', [0.5], 0)],
    ] as const) {
      const hits = fuse({ candidates: [worse, better], lexicalBound: 30 }, route([['low', 1]], 0.5))

      expect(hits[0]!.id).toBe('a')
      expect(hits[0]!.score).toBeGreaterThan(hits[1]!.score)
    }
  })

  it('keeps scores in [0, 1]', () => {
    const extremes = [candidate('a', [1], 1e9), candidate('b', [-1], 0), candidate('c', [1], 0), candidate('d', [-1], 1e9)]

    for (const weight of [0, 0.3, 1]) {
      for (const { score } of fuse({ candidates: extremes, lexicalBound: 1 }, route([['low', 1]], weight))) {
        expect(score).toBeGreaterThanOrEqual(0)
        expect(score).toBeLessThanOrEqual(1)
      }
    }
  })

  it('gives a candidate the same score whatever else was found', () => {
    const alone = fuse({ candidates: [candidate('a', [0.4], 2)], lexicalBound: 10 }, route([['low', 1]], 0.3))
    const among = fuse({ candidates: [candidate('z', [0.9], 9), candidate('a', [0.4], 2)], lexicalBound: 10 }, route([['low', 1]], 0.3))

    expect(among.find(({ id }) => id === 'a')!.score).toBe(alone[0]!.score)
  })

  it('weighs two experts as the route does and names the one that vouches for a hit', () => {
    const candidates = [candidate('a', [0.3, 0.1]), candidate('b', [0.1, 0.9])]

    const first = fuse(
      { candidates, lexicalBound: 0 },
      route(
        [
          ['low', 0.95],
          ['high', 0.05],
        ],
        0,
      ),
    )
    const second = fuse(
      { candidates, lexicalBound: 0 },
      route(
        [
          ['low', 0.5],
          ['high', 0.5],
        ],
        0,
      ),
    )

    expect(order(first)).toBe('ab')
    expect(order(second)).toBe('ba')
    expect(second.map(({ expert }) => expert)).toEqual(['high', 'low'])
    expect(second[0]!.similarity).toBe(0.1)
  })

  it('breaks ties by id', () => {
    expect(
      order(
        fuse(
          { candidates: [candidate('b', [0.5]), candidate('c', [0.5]), candidate('a', [0.5])], lexicalBound: 0 },
          route([['low', 1]], 0),
        ),
      ),
    ).toBe('abc')
  })

  it('leaves the weight of an expert without a vector to BM25', () => {
    const candidates = [candidate('a', [0.9], 0), candidate('b', [0.1], 20)]

    expect(
      order(
        fuse(
          { candidates, lexicalBound: 20 },
          route(
            [
              ['low', 0.9],
              ['words', 0.1],
            ],
            0,
          ),
        ),
      ),
    ).toBe('ab')
    expect(
      order(
        fuse(
          { candidates, lexicalBound: 20 },
          route(
            [
              ['low', 0.1],
              ['words', 0.9],
            ],
            0,
          ),
        ),
      ),
    ).toBe('ba')
  })

  it('works with BM25 alone, and with nothing at all', () => {
    const words = fuse({ candidates: [candidate('a', [], 1), candidate('b', [], 2)], lexicalBound: 4 }, route([['words', 1]], 0))

    expect(order(words)).toBe('ba')
    expect(words[0]!.similarity).toBe(0)
    expect(words[0]!.expert).toBe('words')
    expect(fuse({ candidates: [], lexicalBound: 0 }, route([['low', 1]], 0.5))).toEqual([])
  })

  it('takes the default scale for an expert it was not calibrated for, whatever its name', () => {
    const hits = (name: string) => fuse({ candidates: [candidate('a', [0.5])], lexicalBound: 0 }, route([[name, 1]], 0))

    expect(hits('added later')[0]!.score).toBe(0.5)
    expect(hits('constructor')[0]!.score).toBe(0.5)
  })
})

describe('readCalibration', () => {
  it('accepts what JSON keeps of a calibration', () => {
    expect(readCalibration(JSON.parse(JSON.stringify(calibration)))).toEqual(calibration)
    expect(readCalibration(defaultCalibration)).toEqual(defaultCalibration)
  })

  it.each([
    undefined,
    {},
    { ...calibration, lexical: { half: 0 } },
    { ...calibration, lexical: undefined },
    { ...calibration, similarity: { default: { centre: 0.5, slope: -1 }, experts: {} } },
    { ...calibration, similarity: { default: { centre: 0.5, slope: 1 }, experts: { a: { centre: 'x', slope: 1 } } } },
  ])('refuses %j', (broken) => {
    expect(() => readCalibration(broken)).toThrow(/calibration/)
  })
})
