import { describe, expect, it } from 'vitest'
import { absenceOf, familiarityAt, surveyCollection, type DocumentRoute } from '../../src/routing/survey.ts'
import type { Survey, SurveyedDocument } from '../../src/routing/router.ts'
import { defaultDecision, routerOf, textRouter } from '../../src/routing/text-router.ts'
import { atOnce } from '../../src/routing/turns.ts'
import { ask, legal, medical, shell } from '../conformance/router.ts'

const east = Float32Array.of(1, 0)
const north = Float32Array.of(0, 1)
const nowhere = Float32Array.of(0, 0)
const documents = (count: number, vector: Float32Array, text: string): SurveyedDocument[] =>
  Array.from({ length: count }, () => ({ text, vector }))
/** Sure of what is called after an expert, unsure of all else. */
const byName = ({ text }: SurveyedDocument): DocumentRoute =>
  text === 'strange' ? { expert: 'medical', confidence: 0.1 } : { expert: text, confidence: 0.9 }
const survey = (sample: readonly SurveyedDocument[], total = sample.length): Survey => atOnce(surveyCollection(sample, total, byName))

describe('surveyCollection', () => {
  it('counts whom documents belong to, and passes by those that say nothing', () => {
    const { claims, sampled, documents: total } = survey([...documents(5, east, 'shell'), ...documents(2, nowhere, 'shell')], 700)

    expect([...claims]).toEqual([['shell', 5]])
    expect(sampled).toBe(5)
    expect(total).toBe(700)
  })

  it('knows nothing of an empty collection', () => {
    const empty = survey([])

    expect(familiarityAt(empty, east, 0.6)).toBe(0.6)
    expect(absenceOf(empty, 'shell')).toBe(0)
  })
})

describe('familiarityAt', () => {
  it('is that of the region the question is near', () => {
    const mixed = survey([...documents(100, east, 'shell'), ...documents(100, north, 'strange')])

    expect(familiarityAt(mixed, east, 0.6)).toBeCloseTo(0.9, 1)
    expect(familiarityAt(mixed, north, 0.6)).toBeCloseTo(0.1, 1)
    expect(familiarityAt(mixed, Float32Array.of(Math.SQRT1_2, Math.SQRT1_2), 0.6)).toBeCloseTo(0.5, 1)
  })

  it('stays near the neutral while only a few documents are known', () => {
    expect(familiarityAt(survey(documents(1, east, 'strange')), east, 0.6)).toBeGreaterThan(0.5)
    expect(familiarityAt(survey(documents(300, east, 'strange')), east, 0.6)).toBeLessThan(0.12)
  })
})

describe('absenceOf', () => {
  it('speaks against the experts of domains that are not there', () => {
    const one = survey(documents(320, east, 'shell'), 750)

    expect(absenceOf(one, 'shell')).toBe(0)
    expect(absenceOf(one, 'medical')).toBeGreaterThan(1.5)
  })

  it('does not speak against a small domain that a sample of a large collection may have missed', () => {
    expect(absenceOf(survey(documents(320, east, 'shell'), 50_000), 'medical')).toBe(0)
  })

  it('does not speak against anybody after a few documents', () => {
    expect(absenceOf(survey(documents(20, east, 'shell')), 'medical')).toBe(0)
  })
})

describe('a text router among documents', () => {
  const decision = { ...defaultDecision, collection: { familiarity: 2, neutral: 0.6, absence: 2 } }
  const novice = textRouter([medical, shell, legal], { decision })
  const router = routerOf({ ...novice.state, experts: novice.state.experts.map((expert) => ({ ...expert, knowsDocuments: true })) })
  const question = ask('grep a file')
  const among = (count: number, text: string): Promise<Survey> =>
    router.survey!(
      Array.from({ length: count }, () => ask(text)),
      count,
    )

  it('is as sure as before where the collection is of its domains, and less among strangers', async () => {
    const alone = router.route(question)
    const known = router.route({ ...question, survey: await among(300, 'grep the file, tar the archive') })
    const strange = router.route({ ...question, survey: await among(300, 'zzz qqq vvv file fever lease') })

    expect(alone.familiarity).toBeUndefined()
    expect(known.familiarity).toBeGreaterThan(strange.familiarity!)
    expect(known.confidence).toBeGreaterThan(strange.confidence)
    expect(known.lexicalWeight).toBeLessThanOrEqual(strange.lexicalWeight)
  })

  it('tells a question of two domains by the one that the collection is of', async () => {
    const both = ask('grep a file, and fever of a child')
    const inShell = router.route({ ...both, survey: await among(300, 'grep the file, tar the archive') })
    const inMedical = router.route({ ...both, survey: await among(300, 'fever of a child, cough and dose') })

    expect(inShell.scores[0]!.expert).toBe('shell')
    expect(inMedical.scores[0]!.expert).toBe('medical')
  })

  it('does not doubt an expert that learned from questions alone because its documents look strange', async () => {
    const alone = novice.route(question)
    const strange = novice.route({ ...question, survey: await among(300, 'zzz qqq vvv file fever lease') })

    expect(strange.confidence).toBeCloseTo(alone.confidence, 6)
    expect(strange.experts).toEqual(alone.experts)
  })

  it('takes no notice of a survey where its decision rule does not', async () => {
    const plain = textRouter([medical, shell, legal])

    expect(plain.route({ ...question, survey: await among(300, 'fever of a child') })).toEqual(plain.route(question))
  })
})
