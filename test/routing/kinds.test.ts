import { describe, expect, it } from 'vitest'
import type { Expert } from '../../src/expert/expert.ts'
import { textFeatures, topicWords } from '../../src/routing/features.ts'
import { kindsOf, learnKinds, lexicalShare } from '../../src/routing/kinds.ts'
import { loadRouter, saveRouter } from '../../src/routing/saved-router.ts'
import { countFeatures, noveltyOf, weighFeatures } from '../../src/routing/text-evidence.ts'
import { defaultDecision, routerOf, textRouter, type TextRouterState } from '../../src/routing/text-router.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { buildPilots, type PilotSet } from '../../src/train/build-pilots.ts'
import { ask, medical, shell } from '../conformance/router.ts'
import { medicalWords, shellWords, toyEncoder, toyExpert } from '../engine-fixture.ts'

const manual = ['tar creates an archive file', 'grep prints each matching line', 'find lists each matching file']
const asked = ['please help me pack my holiday photos', 'please help me hunt down a word', 'please help me locate my thesis']
const rarity = countFeatures([...manual, ...asked].map(textFeatures))
const examples = (texts: readonly string[]): { features: ReturnType<typeof textFeatures> }[] =>
  texts.map((text) => ({ features: textFeatures(text) }))
const kinds = learnKinds(
  [
    { name: 'manual', examples: examples(manual) },
    { name: 'asked', examples: examples(asked) },
  ],
  rarity,
)
const likely = (text: string): number[] => kindsOf(weighFeatures(textFeatures(text), rarity), kinds)

describe('kinds of question', () => {
  it('are told apart by their words', () => {
    expect(likely('print each matching file')[0]).toBeGreaterThan(0.6)
    expect(likely('please help me pack my thesis')[1]).toBeGreaterThan(0.6)
  })

  it('are likely in shares that sum to 1, even for words of none', () => {
    for (const text of ['print each file', 'please', 'quasar', '']) {
      const shares = likely(text)
      expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9)
      expect(shares.every((share) => share >= 0 && share <= 1)).toBe(true)
    }
  })

  it('need another kind to be told from', () => {
    expect(learnKinds([{ name: 'manual', examples: examples(manual) }], rarity)).toEqual([])
    expect(
      learnKinds(
        [
          { name: 'manual', examples: examples(manual) },
          { name: 'empty', examples: [] },
        ],
        rarity,
      ),
    ).toEqual([])
  })

  it("give BM25 the mean of their shares, or the expert's where there are none", () => {
    expect(lexicalShare({ lexicalWeight: 0.5, kinds: [0.8, 0.2] }, [0.75, 0.25])).toBeCloseTo(0.65, 9)
    expect(lexicalShare({ lexicalWeight: 0.5, kinds: [] }, [])).toBe(0.5)
    expect(lexicalShare({ lexicalWeight: undefined, kinds: [] }, [])).toBeUndefined()
  })

  it("decide BM25's share of a route, before and after saving", () => {
    const { state } = textRouter([medical, shell], { decision: { ...defaultDecision, trust: 0, fuseMargin: 0 } })
    const own = learnKinds(
      [
        { name: 'manual', examples: examples(['grep the file', 'grep a process', 'tar the file']) },
        { name: 'asked', examples: examples(['please find it', 'please untar it', 'please list it']) },
      ],
      state.rarity,
    ).map((kind, k) => ({ ...kind, lexicalWeight: [0.8, 0.1][k]! }))
    const known: TextRouterState = {
      ...state,
      experts: state.experts.map((expert) => (expert.name === 'shell' ? { ...expert, kinds: own } : expert)),
    }
    const router = routerOf(known)
    const { manifest, tensors } = saveRouter(router)
    const reopened = loadRouter(JSON.parse(JSON.stringify(manifest)), tensors)

    for (const one of [router, reopened]) {
      expect(one.route(ask('grep the process file')).lexicalWeight).toBeGreaterThan(0.5)
      expect(one.route(ask('please untar file')).lexicalWeight).toBeLessThan(0.4)
      expect(one.route(ask('fever of a child')).lexicalWeight).toBeCloseTo(0.2, 9)
    }
    expect(() =>
      loadRouter({ ...manifest, experts: [{ name: 'shell', kinds: [{ name: 'x', bias: 0, lexicalWeight: 2 }] }] }, tensors),
    ).toThrow(/BM25 weight outside 0 to 1/)
  })
})

describe('buildPilots with two sets of one expert', () => {
  it('gives each the BM25 share that suits it', async () => {
    const words = [...medicalWords, ...shellWords]
    const base = toyEncoder(words)
    const general: Expert = { kind: 'model', name: 'general', queryEncoder: base, documentEncoder: base }
    const experts = [general, toyExpert('medical', medicalWords, base, words), toyExpert('shell', shellWords, base, words)]
    const store = memoryStore()
    const add = async (id: string, text: string, set: string, meaning = text): Promise<void> => {
      const [vector] = await base.encode([meaning])
      await store.upsert([{ document: { id, text, metadata: { set } }, hash: id, vectors: { [base.id]: vector! } }])
    }
    const sets: PilotSet[] = []
    // Of names only the words tell, as their vectors lead astray; of meanings only the vectors, as their words do.
    for (const [set, expert, own] of [
      ['names', 'shell', shellWords],
      ['meanings', 'shell', shellWords],
      ['medicine', 'medical', medicalWords],
    ] as const) {
      const queries: { text: string; grades: Map<string, number> }[] = []
      for (let i = 0; i < own.length; i++) {
        for (let j = i + 1; j < own.length; j++) {
          const id = `${set}-${i}-${j}`
          const [oi, oj] = [own[(i + 2) % own.length]!, own[(j + 3) % own.length]!]
          const labels = (a: number, b: number): string => ['zq', 'kq', 'mq', 'pq'].map((label) => `${label}${a}x${b}`).join(' ')
          if (set === 'names') {
            await add(id, labels(i, j), set, `${oi} ${oj}`)
            queries.push({ text: `entry named ${labels(i, j)} ${own[i]} ${own[j]}`, grades: new Map([[id, 1]]) })
          } else if (set === 'meanings') {
            await add(id, labels(i, j), set, `${own[i]} ${own[j]}`)
            queries.push({ text: `please do ${own[i]} ${own[j]} unlike ${labels(0, j === 1 ? 2 : 1)}`, grades: new Map([[id, 1]]) })
          } else {
            await add(id, `${own[i]} ${own[j]}`, set)
            queries.push({ text: `please do ${own[i]} ${own[j]} for me`, grades: new Map([[id, 1]]) })
          }
        }
      }
      sets.push({ name: set, expert, queries, filter: { set } })
    }

    const { router } = await buildPilots({ sets, experts, base, search: store.search })

    const shares = Object.fromEntries(
      router.state.experts.find(({ name }) => name === 'shell')!.kinds.map(({ name, lexicalWeight }) => [name, lexicalWeight]),
    )
    expect(shares.names).toBeGreaterThan(shares.meanings! + 0.2)
    expect(router.state.experts.find(({ name }) => name === 'medical')!.kinds).toEqual([])
  })
})

describe('novelty', () => {
  const learned = countFeatures(['fever dose for a child', 'dose of syrup', 'grep a file'].map(textFeatures))

  it('is 0 for words that every text holds, 1 for words that none does, and 0 without words', () => {
    expect(noveltyOf(topicWords('quasar nebula'), learned)).toBeCloseTo(1, 6)
    expect(noveltyOf(topicWords('dose'), learned)).toBeLessThan(0.5)
    expect(noveltyOf(topicWords('dose'), countFeatures([textFeatures('dose')]))).toBe(0)
    expect(noveltyOf(topicWords('of the'), learned)).toBe(0)
    expect(noveltyOf(topicWords('dose'), countFeatures([]))).toBe(0)
  })

  it('lowers confidence where a pack says so', () => {
    const decision = { ...defaultDecision, confidence: { ...defaultDecision.confidence, novelty: -4 } }
    const cautious = textRouter([medical, shell], { decision })
    const blind = textRouter([medical, shell])

    const logOdds = (confidence: number): number => Math.log(confidence / (1 - confidence))
    const lost = (text: string): number => logOdds(blind.route(ask(text)).confidence) - logOdds(cautious.route(ask(text)).confidence)
    expect(lost('grep a file')).toBeGreaterThan(0)
    expect(lost('grep nebula quasars')).toBeGreaterThan(lost('grep a file'))
  })
})
