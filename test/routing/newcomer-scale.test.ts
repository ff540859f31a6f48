import { describe, expect, it } from 'vitest'
import { defaultCalibration } from '../../src/routing/calibration.ts'
import { fitNewcomerScale } from '../../src/routing/fitting/newcomer-scale.ts'
import type { HeldOutQuery } from '../../src/routing/fitting/queries.ts'

/** A query whose right document lies at these places of a list of forty, by the expert's cosine and by BM25. */
function query(expertPlace: number, lexicalPlace: number): HeldOutQuery {
  const values = (place: number, i: number): number => (i === 0 ? 40 - place + 0.5 : i <= place ? 41 - i : 40 - i)
  const candidates = Array.from({ length: 40 }, (_, i) => ({
    id: `d${i}`,
    similarities: [0.1, values(expertPlace, i) / 50],
    lexical: values(lexicalPlace, i),
  }))
  return {
    text: 'q',
    vector: new Float32Array(2),
    found: [{ result: { candidates, lexicalBound: 60 }, score: (ranked) => 1 / (1 + ((ranked.indexOf('d0') + 100) % 100)) }],
  }
}

const fit = (queries: HeldOutQuery[], expected = 0.85) => fitNewcomerScale(queries, 'law', ['general', 'law'], defaultCalibration, expected)

describe('the scale of an expert that joins a pack', () => {
  it('leaves the scales of the others alone', () => {
    const { calibration, scale } = fit([query(0, 0)])

    expect(calibration.similarity.experts).toEqual({ law: scale })
    expect(calibration.similarity.default).toEqual(defaultCalibration.similarity.default)
    expect(scale.centre).toBeGreaterThan(0.3)
    expect(scale.centre).toBeLessThan(0.9)
  })

  it('gives BM25 little where the expert knows better, and much where it does not', () => {
    const known = Array.from({ length: 30 }, (_, i) => query(0, 5 + (i % 9)))
    const unknown = Array.from({ length: 30 }, (_, i) => query(5 + (i % 9), 0))

    expect(fit(known).lexicalWeight).toBeLessThan(0.5)
    expect(fit(unknown, 0.15).lexicalWeight).toBeGreaterThan(0.5)
  })

  it('stays at the expected share where the queries cannot tell', () => {
    expect(fit([query(0, 0), query(3, 3)], 0.7).lexicalWeight).toBe(0.7)
    expect(fit([query(0, 3), query(3, 0)], 0.6).lexicalWeight).toBeCloseTo(0.6)
  })
})
