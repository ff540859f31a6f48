import { describe, expect, it } from 'vitest'
import { costOf, meanCost } from '../../src/eval/costs.ts'
import type { Expert } from '../../src/expert/expert.ts'
import type { Route } from '../../src/routing/router.ts'
import { medicalWords, toyEncoder, toyExpert } from '../engine-fixture.ts'

const base = toyEncoder()
const own = toyEncoder(medicalWords, 'model-of-its-own')
const experts = new Map<string, Expert>([
  ['general', { kind: 'model', name: 'general', queryEncoder: base, documentEncoder: base }],
  ['adapter', toyExpert('adapter', medicalWords, base, medicalWords)],
  ['table', { kind: 'table', name: 'table', queryEncoder: toyEncoder(medicalWords, 'table'), documentEncoder: base }],
  [
    'instruction',
    { kind: 'instruction', name: 'instruction', queryEncoder: toyEncoder(medicalWords, 'instructed'), documentEncoder: base },
  ],
  ['model', { kind: 'model', name: 'model', queryEncoder: own, documentEncoder: own }],
  ['words', { kind: 'lexical', name: 'words' }],
])

const cost = (names: readonly string[], { routed = true, lexicalWeight = 0 } = {}) => {
  const asked = names.map((name) => ({ name, weight: 1 / names.length }))
  const route: Route = { decision: 'expert', experts: asked, scores: [], confidence: 1, margin: 1, lexicalWeight }
  return costOf(route, { experts, base, routed })
}

describe('costOf', () => {
  it.each([
    [['general'], {}, { passes: 1, lookups: 0, stores: 1, lexical: 0 }],
    [['adapter'], {}, { passes: 1, lookups: 0, stores: 1, lexical: 0 }],
    [['table'], {}, { passes: 1, lookups: 1, stores: 1, lexical: 0 }],
    [['instruction'], {}, { passes: 2, lookups: 0, stores: 1, lexical: 0 }],
    [['model'], {}, { passes: 2, lookups: 0, stores: 1, lexical: 0 }],
    [['table', 'general'], {}, { passes: 1, lookups: 1, stores: 2, lexical: 0 }],
    [['model', 'adapter'], { lexicalWeight: 0.3 }, { passes: 2, lookups: 0, stores: 2, lexical: 1 }],
    [['words'], {}, { passes: 1, lookups: 0, stores: 0, lexical: 1 }],
    [['general'], { routed: false }, { passes: 1, lookups: 0, stores: 1, lexical: 0 }],
    [['adapter'], { routed: false }, { passes: 1, lookups: 0, stores: 1, lexical: 0 }],
    [['table'], { routed: false }, { passes: 0, lookups: 1, stores: 1, lexical: 0 }],
    [['words'], { routed: false }, { passes: 0, lookups: 0, stores: 0, lexical: 1 }],
  ])('of %j asked with %j is %j', (names, how, expected) => {
    expect(cost(names, how)).toEqual(expected)
  })

  it('is averaged over queries', () => {
    expect(meanCost([cost(['table']), cost(['table', 'general'])])).toEqual({ passes: 1, lookups: 1, stores: 1.5, lexical: 0 })
    expect(meanCost([])).toBeUndefined()
  })
})
