import { stem } from '../../src/english.ts'
import { decide, type Evidence } from '../../src/routing/decision.ts'
import { clausesOf, featureDimensions } from '../../src/routing/features.ts'
import type { Route, RouterQuery } from '../../src/routing/router.ts'
import { absenceOf } from '../../src/routing/survey.ts'
import type { TextModel } from '../../src/routing/text-evidence.ts'
import type { TextExpert, TextRouterState } from '../../src/routing/text-router.ts'
import { isFunctionWord } from '../../src/routing/words.ts'

/** The text router's formulas as they are written down, one model and one pilot at a time: what the fast one must agree with. */
export function plainRoute({ experts, rarity, weights, decision }: TextRouterState, query: RouterQuery): Route {
  const similarities = experts.map(({ pilots }) => nearest(pilots, query.vector))
  const wordless = (own: number): number => {
    if (experts.length === 1) return 0
    const rival = Math.max(...similarities.filter((_, i) => i !== own))
    return Math.max(-3, Math.min(3, 12 * (similarities[own]! - rival)))
  }
  const hear = (text: string): number[] => {
    const features = weighed(plainFeatures(text), rarity)
    return experts.map(({ model }, i) => (model ? logOdds(model, features) : wordless(i)))
  }
  const whole = hear(query.text)
  const words = [...whole]
  for (const clause of clausesOf(query.text).map(hear)) {
    const winner = clause.indexOf(Math.max(...clause))
    if (clause[winner]! > 1) words[winner] = Math.max(words[winner]!, clause[winner]!)
  }
  const leader = whole.indexOf(Math.max(...whole))
  words.forEach((value, i) => {
    if (i !== leader) words[i] = Math.max(whole[i]!, Math.min(value, words[leader]! - 0.5))
  })

  const features = weighed(plainFeatures(query.text), rarity)
  const evidence = experts.map((expert, i): Evidence => ({
    expert: expert.name,
    logit: weights.bias + weights.words * words[i]! + weights.similarity * similarities[i]! - absence(expert),
    similarity: similarities[i]!,
    novelty: novelty(query.text, rarity),
    lexicalWeight: share(expert, features),
    knowsDocuments: expert.knowsDocuments,
  }))
  return decide(query, evidence, decision)

  function absence({ name, knowsDocuments }: TextExpert): number {
    return query.survey && decision.collection && knowsDocuments ? decision.collection.absence * absenceOf(query.survey, name) : 0
  }
}

/** Words and pairs by feature index with their damped counts. */
export function plainFeatures(text: string): Map<number, number> {
  const counts = new Map<number, number>()
  const count = (hash: number, amount: number): void => void counts.set(indexOf(hash), (counts.get(indexOf(hash)) ?? 0) + amount)
  let previous = { hash: 0x9e3779b9 | 0, weight: 1 }
  for (const { hash, functional } of plainWords(text)) {
    const weight = functional ? 0.4 : 1
    count(hash, weight)
    count(Math.imul(previous.hash, 31) ^ hash, 0.8 * Math.min(weight, previous.weight))
    previous = { hash, weight }
  }
  return new Map([...counts].map(([index, n]) => [index, Math.fround(n < 1 ? n : 1 + Math.log(n))]))
}

function plainWords(text: string): { hash: number; functional: boolean }[] {
  const folded = text.slice(0, 4096).normalize('NFKC').toLowerCase().replace(/['’]/g, '')
  return (folded.match(/[\p{L}\p{M}]+|\p{N}+|[^\s\p{L}\p{M}\p{N}]+/gu) ?? [])
    .filter((token) => !/^[?.!,;:"()“”…]+$/.test(token))
    .map((token) => {
      const functional = isFunctionWord(token)
      return { hash: hashOf(/^\p{N}/u.test(token) ? '0' : functional ? token : stem(token)), functional }
    })
}

function weighed(features: Map<number, number>, rarity: TextRouterState['rarity']): Map<number, number> {
  const raised = [...features].map(([index, value]): [number, number] => [index, value * (1 + rareness(index, rarity))])
  const length = Math.hypot(...raised.map(([, value]) => value))
  return new Map(raised.map(([index, value]) => [index, length > 0 ? value / length : 0]))
}

function novelty(text: string, rarity: TextRouterState['rarity']): number {
  const topics = new Set(plainWords(text).flatMap(({ hash, functional }) => (functional ? [] : [indexOf(hash)])))
  if (topics.size === 0 || rarity.queries === 0) return 0
  const sum = [...topics].reduce((total, index) => total + rareness(index, rarity), 0)
  return sum / (topics.size * Math.log(rarity.queries + 1))
}

function rareness(index: number, { queries, frequencies }: TextRouterState['rarity']): number {
  return Math.log((queries + 1) / (frequencies[index]! + 1))
}

function logOdds({ weights, bias }: TextModel, features: Map<number, number>): number {
  return [...features].reduce((sum, [index, value]) => sum + weights[index]! * value, bias)
}

function share({ lexicalWeight, kinds }: TextExpert, features: Map<number, number>): number | undefined {
  if (kinds.length === 0) return lexicalWeight
  const likely = kinds.map(({ model }) => 1 / (1 + Math.exp(-logOdds(model, features))))
  const total = likely.reduce((sum, value) => sum + value, 0)
  return kinds.reduce((sum, kind, k) => sum + (likely[k]! / total) * kind.lexicalWeight, 0)
}

function nearest({ dimensions, values, weights }: TextExpert['pilots'], query: Float32Array): number {
  const cosines = [...weights.keys()].map((pilot) => query.reduce((sum, value, i) => sum + value * values[pilot * dimensions + i]!, 0))
  return cosines.length === 0 ? 0 : Math.min(1, Math.max(...cosines))
}

function indexOf(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return ((h ^ (h >>> 16)) >>> 0) & (featureDimensions - 1)
}

function hashOf(token: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < token.length; i++) hash = Math.imul(hash ^ token.charCodeAt(i), 0x01000193)
  return hash
}
