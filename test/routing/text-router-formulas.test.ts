import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundledPack, loadPack, type LoadedPack } from '../../src/load-pack.ts'
import { textFeatures } from '../../src/routing/features.ts'
import type { Route, RouterQuery } from '../../src/routing/router.ts'
import { textRouter, type TextRouter } from '../../src/routing/text-router.ts'
import { normalize, type Vector } from '../../src/vector.ts'
import { seededRandom } from '../conformance/random.ts'
import { plainFeatures, plainRoute } from './plain-router.ts'

const openings = ['how do I', 'what is the best way to', "I can't", 'please', 'Is there a tool to', '']
const subjects = [
  'treat a fever with 200 mg of ibuprofen',
  'unpack archive.tar.gz into ~/tmp',
  'sort a dict by value in python',
  'freeze my card after it was swallowed',
  'wake me up at 7:30',
  "understand the tenant's lease",
  'convert a naïve café menu — ﬁle by ﬁle',
  'grep -r "TODO" | wc -l',
  'vaccinate children’s pets',
]
const joins = [' and ', '; ', '. Then ', ', but ', ' ']
const oddities = [
  '',
  ' ',
  "'",
  "don't",
  "a'b''c",
  '\0',
  '\ud800',
  '発熱した子供への投与量 fever',
  'a1'.repeat(4000),
  'İstanbul',
  '?!',
  '½ ② ٣',
  '\u0301x',
]

/** Questions of all kinds, the same in every run. */
function questions(count: number): string[] {
  const random = seededRandom(11)
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
  const made = Array.from({ length: count }, () => {
    const first = `${pick(openings)} ${pick(subjects)}`
    return random() < 0.5 ? first : `${first}${pick(joins)}${pick(openings)} ${pick(subjects)}?`
  })
  return [...made, ...oddities]
}

function expectSame(actual: Route, expected: Route): void {
  expect(actual.decision).toBe(expected.decision)
  expect(actual.experts.map(({ name }) => name)).toEqual(expected.experts.map(({ name }) => name))
  expect(actual.scores.map(({ expert }) => expert)).toEqual(expected.scores.map(({ expert }) => expert))
  const numbers = ({ experts, scores, confidence, familiarity = 0, margin, lexicalWeight }: Route): number[] => [
    confidence,
    familiarity,
    margin,
    lexicalWeight,
    ...experts.map(({ weight }) => weight),
    ...scores.flatMap(({ score, similarity }) => [score, similarity]),
  ]
  const wanted = numbers(expected)
  for (const [i, value] of numbers(actual).entries()) expect(Math.abs(value - wanted[i]!)).toBeLessThan(1e-6)
}

describe('the text router and its formulas', () => {
  let pack: LoadedPack
  let asked: RouterQuery[]
  beforeAll(async () => {
    pack = await loadPack(bundledPack())
    const texts = questions(300)
    const vectors = await pack.base.encode(texts)
    asked = texts.map((text, i) => ({ text, vector: vectors[i]! }))
  })
  afterAll(() => pack.close())

  it('agree on every question to the bundled experts', () => {
    const router = pack.router as TextRouter

    for (const query of asked) expectSame(router.route(query), plainRoute(router.state, query))
    expect(new Set(asked.map((query) => router.route(query).decision))).toEqual(new Set(['expert', 'fused', 'fallback']))
  })

  it('agree where the collection was surveyed', async () => {
    const router = pack.router as TextRouter
    const survey = await router.survey!(asked.slice(0, 60), 1000)

    for (const query of asked) expectSame(router.route({ ...query, survey }), plainRoute(router.state, { ...query, survey }))
  })

  it('agree on experts that come without words or pilots, in dimensions that are no multiple of four', () => {
    const random = seededRandom(5)
    const vector = (): Vector => normalize(Float32Array.from({ length: 7 }, () => random() - 0.5))
    const router = textRouter([
      { expert: 'words', pilots: asked.slice(0, 9).map(({ text }) => ({ text, vector: vector() })), lexicalWeight: 0.3 },
      { expert: 'others', pilots: asked.slice(9, 15).map(({ text }) => ({ text, vector: vector() })) },
      { expert: 'silent', pilots: [{ vector: vector() }, { vector: vector() }, { vector: vector() }] },
      { expert: 'nobody', pilots: [] },
    ])

    for (const { text } of asked) {
      const query = { text, vector: vector() }
      expectSame(router.route(query), plainRoute(router.state, query))
    }
  })

  it('read the same features of a text', () => {
    for (const text of questions(300)) {
      const { indices, values } = textFeatures(text)

      expect(new Map([...indices].map((index, i) => [index, values[i]!]))).toEqual(
        new Map([...plainFeatures(text)].sort(([a], [b]) => a - b)),
      )
    }
  })
})
