import { beforeEach, describe, expect, it } from 'vitest'
import type { ExpertEvidence, Router } from '../../src/routing/router.ts'
import { normalize, type Vector } from '../../src/vector.ts'

const words = ['fever', 'dose', 'child', 'cough', 'tar', 'grep', 'file', 'process', 'lease', 'court', 'tenant', 'clause']

/** Dimension i counts word i: vectors one can check in one's head. */
export function toyVector(text: string): Vector {
  const vector = new Float32Array(words.length)
  for (const word of text.toLowerCase().match(/\p{L}+/gu) ?? []) if (words.includes(word)) vector[words.indexOf(word)]! += 1
  return normalize(vector)
}

export const ask = (text: string): { text: string; vector: Vector } => ({ text, vector: toyVector(text) })

/** Evidence from example queries. */
export const evidence = (expert: string, queries: readonly string[], lexicalWeight?: number): ExpertEvidence => ({
  expert,
  pilots: queries.map(ask),
  ...(lexicalWeight !== undefined && { lexicalWeight }),
})

export const medical = evidence(
  'medical',
  ['fever dose for a child', 'which dose for a cough', 'child with fever', 'cough and fever', 'dose of syrup for a child'],
  0.2,
)
export const shell = evidence(
  'shell',
  ['grep a file', 'tar the file', 'find a process', 'grep the process list', 'untar a file with tar'],
  0.4,
)
export const legal = evidence('legal', ['end a lease', 'court and tenant', 'lease clause', 'tenant in court', 'clause on the tenant'], 0.6)

/** What every router promises. */
export function describeRouter(name: string, make: (evidence: readonly ExpertEvidence[]) => Router): void {
  describe(`${name} as a router`, () => {
    let router: Router
    beforeEach(() => {
      router = make([medical, shell])
    })

    it('names the experts it can choose', () => {
      expect([...router.experts].sort()).toEqual(['medical', 'shell'])
    })

    it('sends a query to the expert whose pilots it resembles', () => {
      expect(router.route(ask('fever and cough')).experts[0]!.name).toBe('medical')
      expect(router.route(ask('grep through a file')).experts[0]!.name).toBe('shell')
    })

    it('shows every expert, best first, with scores in [0, 1] that sum to 1', () => {
      const { scores, margin } = router.route(ask('dose for a child'))

      expect(scores.map(({ expert }) => expert)).toEqual(['medical', 'shell'])
      expect(scores[0]!.score + scores[1]!.score).toBeCloseTo(1, 6)
      expect(scores[0]!.score).toBeGreaterThan(scores[1]!.score)
      expect(margin).toBeCloseTo(scores[0]!.score - scores[1]!.score, 6)
      for (const { similarity } of scores) expect(Math.abs(similarity)).toBeLessThanOrEqual(1)
    })

    it('gives weights that sum to 1, and a confidence and a BM25 weight in [0, 1]', () => {
      for (const text of ['fever', 'grep fever', 'roses', '', 'tar file child dose']) {
        const { experts, confidence, lexicalWeight } = router.route(ask(text))

        expect(experts.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 6)
        for (const share of [confidence, lexicalWeight]) {
          expect(share).toBeGreaterThanOrEqual(0)
          expect(share).toBeLessThanOrEqual(1)
        }
      }
    })

    it('gives the same route for the same query', () => {
      expect(router.route(ask('dose for a child'))).toEqual(router.route(ask('dose for a child')))
    })

    it("takes the chosen expert's BM25 weight", () => {
      const route = make([medical, shell]).route(ask('fever dose for a child'))

      expect(route.decision).toBe('expert')
      expect(route.lexicalWeight).toBeCloseTo(0.2, 6)
    })

    it('falls back on a query of which the encoder knows nothing, leaving it to BM25', () => {
      for (const text of ['xyzzy qwfp', '', '   ', '\0', '\ud800']) {
        expect(router.route(ask(text))).toMatchObject({
          decision: 'fallback',
          experts: [{ name: 'general', weight: 1 }],
          confidence: 0,
          lexicalWeight: 1,
        })
      }
    })

    it('falls back on text that is mostly not in Latin script, mostly to BM25', () => {
      const route = router.route({ text: '発熱した子供への投与量 fever', vector: toyVector('fever') })

      expect(route.decision).toBe('fallback')
      expect(route.lexicalWeight).toBeGreaterThanOrEqual(0.9)
    })

    it('never gives NaN, whatever the text', () => {
      for (const text of ['😀😀', 'a'.repeat(100_000), '?!?', '1 2 3', 'ﬁle ﬁle', '\u0301\u0301']) {
        const { scores, confidence, margin } = router.route(ask(text))

        for (const value of [confidence, margin, ...scores.flatMap(({ score, similarity }) => [score, similarity])])
          expect(value).not.toBeNaN()
      }
    })

    it('learns another expert without being changed itself', () => {
      const wider = router.with(legal)

      expect(wider.route(ask('tenant and lease')).experts[0]!.name).toBe('legal')
      expect(wider.experts).toContain('legal')
      expect(router.experts).not.toContain('legal')
      expect(router.route(ask('tenant and lease')).scores).toHaveLength(2)
    })

    it('keeps what it knows of the others when an expert comes or goes', () => {
      const similarities = (of: Router): unknown =>
        of
          .route(ask('fever dose'))
          .scores.filter(({ expert }) => expert !== 'legal')
          .map(({ expert, similarity }) => [expert, similarity])
      const ratio = (of: Router): number => {
        const scores = new Map(of.route(ask('fever dose')).scores.map(({ expert, score }) => [expert, score]))
        return scores.get('medical')! / scores.get('shell')!
      }

      const wider = router.with(legal)
      const narrower = wider.without('legal')

      expect(similarities(wider)).toEqual(similarities(router))
      expect(ratio(wider)).toBeCloseTo(ratio(router), 6)
      expect(narrower.route(ask('fever dose'))).toEqual(router.route(ask('fever dose')))
    })

    it('replaces what it knew under the same name', () => {
      const replaced = router.with(evidence('shell', ['end a lease', 'tenant in court']))

      expect(replaced.experts).toHaveLength(2)
      expect(replaced.route(ask('tenant in court')).experts[0]!.name).toBe('shell')
    })

    it('no longer chooses an expert that was removed', () => {
      const route = router.without('shell').route(ask('grep a file'))

      expect(route.experts.map(({ name }) => name)).not.toContain('shell')
      expect(route.scores.map(({ expert }) => expert)).toEqual(['medical'])
      expect(route.margin).toBe(1)
    })

    it('ignores the removal of a name it does not know', () => {
      expect(router.without('unknown').experts).toEqual(router.experts)
    })

    it('falls back always when the last expert is removed, and learns again', () => {
      const empty = router.without('shell').without('medical')

      expect(empty.experts).toEqual([])
      expect(empty.route(ask('fever'))).toMatchObject({ decision: 'fallback', scores: [], confidence: 0, margin: 0 })
      expect(empty.with(medical).with(shell).route(ask('grep a file')).experts[0]!.name).toBe('shell')
    })

    it('orders experts with equal evidence by name', () => {
      const twins = make([evidence('zulu', ['fever', 'dose']), evidence('alpha', ['fever', 'dose'])])

      expect(twins.route(ask('fever dose')).scores.map(({ expert }) => expert)).toEqual(['alpha', 'zulu'])
    })

    it('refuses the same expert twice', () => {
      expect(() => make([medical, medical])).toThrow(/"medical" twice/)
    })

    it('refuses vectors of another length', () => {
      expect(() => router.route({ text: 'fever', vector: new Float32Array(3).fill(1) })).toThrow(/12-dimensional/)
      expect(() => router.with({ expert: 'odd', pilots: [{ vector: new Float32Array(3).fill(1) }] })).toThrow(/dimensional/)
    })

    it('refuses pilots that are not finite and BM25 weights outside [0, 1]', () => {
      expect(() => router.with({ expert: 'odd', pilots: [{ vector: new Float32Array(12).fill(Number.NaN) }] })).toThrow(
        /not a finite number/,
      )
      expect(() => router.with({ ...legal, lexicalWeight: 1.5 })).toThrow(/not a number from 0 to 1/)
    })
  })
}
