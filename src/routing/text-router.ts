import { DimensionMismatchError, InvalidArgumentError } from '../errors.ts'
import type { Vector } from '../vector.ts'
import { confidenceIn, decide, rank, type Decision, type Evidence } from './decision.ts'
import { clausesOf, textFeatures, topicWords } from './features.ts'
import { sparseDot } from './logistic.ts'
import { kindsOf, lexicalShare, type LexicalShares, type QuestionKind } from './kinds.ts'
import { liftInTurns } from './newcomer.ts'
import { clusterPilots, nearestSimilarity, packPilots, type PilotVectors } from './pilots.ts'
import type { ExpertEvidence, Router, SparseFeatures } from './router.ts'
import { absenceOf, surveyCollection } from './survey.ts'
import { atOnce, inTurns, type Turns } from './turns.ts'
import {
  countFeatures,
  noveltyOf,
  trainTextModel,
  weighFeatures,
  type FeatureRarity,
  type TextExample,
  type TextModel,
} from './text-evidence.ts'

export interface TextRouterOptions {
  /** @default constants that suit most encoders; `buildPilots` fits them to a pack */
  readonly decision?: Decision
  readonly weights?: EvidenceWeights
}

/** What each kind of evidence adds to an expert's log-odds. */
export interface EvidenceWeights {
  /** Per unit of the words' log-odds. @default 1 */
  readonly words: number
  /** Per unit of the cosine to the nearest pilot. @default 3 */
  readonly similarity: number
  /** @default -2 */
  readonly bias: number
}

/** What a text router has learned of one expert. */
export interface TextExpert {
  readonly name: string
  readonly lexicalWeight: number | undefined
  /** Base vectors of its pilots, clustered. */
  readonly pilots: PilotVectors
  /** Text features of its pilots: the counter-examples of experts that are added later. */
  readonly examples: readonly SparseFeatures[]
  /** `undefined` while there is no other expert to tell it from, or when its pilots came without text. */
  readonly model: TextModel | undefined
  /** Kinds of question with BM25 shares of their own; empty where `lexicalWeight` serves all. */
  readonly kinds: readonly QuestionKind[]
  /** Whether its classifier has read documents of its domain: only then does a survey know them when it meets them. */
  readonly knowsDocuments: boolean
}

/** Everything a text router knows, as data. */
export interface TextRouterState {
  readonly experts: readonly TextExpert[]
  readonly rarity: FeatureRarity
  readonly weights: EvidenceWeights
  readonly decision: Decision
}

/** What speaks for one expert, before it is weighed. */
export interface Signals {
  readonly expert: string
  /** Log-odds of its classifier. */
  readonly words: number
  /** Cosine to its nearest pilot. */
  readonly similarity: number
  /** How rare the query's topic words are among all that the router has learned from, in [0, 1]. The same for every expert. */
  readonly novelty: number
  /** How likely the query is of each of its kinds. */
  readonly kinds: readonly number[]
}

/** The default router. */
/** An expert whose classifier is yet to be trained. */
interface FreshExpert extends TextExpert {
  readonly passages: readonly TextExample[]
}

export interface TextRouter extends Router {
  readonly state: TextRouterState
}

/** Fitted on the bundled pack's held-out queries; a pack brings its own. */
export const defaultDecision: Decision = {
  confidence: { bias: 0, evidence: 0.9, similarity: -1.5, margin: 0 },
  fallback: { expert: 'general', threshold: 0.05, lexicalWeight: 0.85 },
  trust: 0.5,
  fuseMargin: 0.4,
}

export const defaultWeights: EvidenceWeights = { words: 1, similarity: 3, bias: -2 }

/** Vectors are compared with at most this many pilots an expert: beside words, 32 centroids routed as well as 300 queries, in a tenth of the time. */
export const mostPilots = 32

/** Sentences of documents that an expert learns from at most, and what one teaches beside a query: enough for the words of the domain, too little to take documents for questions. */
export const mostPassages = 3000
export const passageWeight = 0.3

/**
 * Routes by the words of the query, the likeness of its base vector to pilot queries, and nothing else: a linear classifier per
 * expert over hashed words and word pairs, plus the cosine to the nearest pilot. An expert is added in milliseconds by
 * training its classifier alone against the others' stored pilots.
 */
export function textRouter(
  evidence: readonly ExpertEvidence[],
  { decision = defaultDecision, weights = defaultWeights }: TextRouterOptions = {},
): TextRouter {
  const experts = evidence.map(read)
  for (const [i, { name }] of experts.entries()) {
    if (experts.findIndex((other) => other.name === name) !== i)
      throw new InvalidArgumentError('evidence', `has the expert "${name}" twice`)
  }
  const rarity = countFeatures(experts.flatMap(({ examples }) => examples))
  return routerOf(settle({ experts, rarity, weights, decision }))
}

/** A router from what another had learned. */
export function routerOf(state: TextRouterState): TextRouter {
  const { experts, decision } = state
  checkDimensions(experts)
  const shares = experts.map(({ lexicalWeight, kinds }): LexicalShares => ({
    lexicalWeight,
    kinds: kinds.map((kind) => kind.lexicalWeight),
  }))
  return {
    state,
    experts: experts.map(({ name }) => name),
    route(query) {
      const signals = signalsFor(query.text, query.vector, state)
      const absence = ({ name, knowsDocuments }: TextExpert): number =>
        query.survey && decision.collection && knowsDocuments ? decision.collection.absence * absenceOf(query.survey, name) : 0
      return decide(
        query,
        weighSignals(signals, state.weights).map((one, i) => ({
          ...one,
          logit: one.logit - absence(experts[i]!),
          knowsDocuments: experts[i]!.knowsDocuments,
          lexicalWeight: lexicalShare(shares[i]!, signals[i]!.kinds),
        })),
        decision,
      )
    },
    survey: (sample, documents) =>
      inTurns(
        surveyCollection(sample, documents, ({ text, vector }) => {
          const { ranked, margin } = rank(weighSignals(signalsFor(text, vector, state), state.weights))
          return ranked[0] && { expert: ranked[0].expert, confidence: confidenceIn(ranked[0], margin, decision) }
        }),
      ),
    with: (evidence) => atOnce(adding(evidence, state)),
    without(expert) {
      const left = experts.filter(({ name }) => name !== expert)
      return left.length === experts.length ? this : routerOf({ ...state, experts: left })
    },
  }
}

/** The router with one more expert, as `with` makes it, in parts of some tenths of a second. */
export function* adding(evidence: ExpertEvidence, state: TextRouterState): Turns<TextRouter> {
  const added = read(evidence)
  const others = state.experts.filter(({ name }) => name !== added.name)
  // A router that has counted no words yet takes its idea of rarity from its first expert.
  const rarity = state.rarity.queries > 0 ? state.rarity : countFeatures(added.examples)
  const settled = settle({ ...state, experts: [...others, added], rarity })
  yield
  const lift = yield* liftInTurns(added.name, evidence.pilots, settled, added.passages)
  const lifted = settled.experts.map((one) =>
    one.name === added.name && one.model ? { ...one, model: { ...one.model, bias: one.model.bias + lift } } : one,
  )
  return routerOf({ ...settled, experts: lifted })
}

/** What speaks for each expert, in the state's order. */
export function signalsFor(text: string, vector: Vector, { experts, rarity }: TextRouterState): Signals[] {
  const similarities = experts.map(({ pilots }) => {
    if (pilots.weights.length > 0 && pilots.dimensions !== vector.length)
      throw new DimensionMismatchError('The router', pilots.dimensions, vector.length)
    return nearestSimilarity(pilots, vector)
  })
  const featuresOf = (part: string): SparseFeatures => weighFeatures(textFeatures(part), rarity)
  const hear = (features: SparseFeatures): number[] =>
    experts.map(({ model }, i) => (model ? model.bias + sparseDot(features, model.weights) : wordless(similarities, i)))
  const whole = featuresOf(text)
  const words = withClauses(
    hear(whole),
    clausesOf(text).map((clause) => hear(featuresOf(clause))),
  )
  const novelty = noveltyOf(topicWords(text), rarity)
  return experts.map(({ name, kinds }, i) => ({
    expert: name,
    words: words[i]!,
    similarity: similarities[i]!,
    novelty,
    kinds: kindsOf(whole, kinds),
  }))
}

/**
 * Lets a clause speak for the expert it clearly belongs to: of a question that names two domains the whole drowns one. The
 * expert that leads by the whole text is not overtaken. Of made-up questions of two domains 80 % reach both experts so, 25 % without.
 */
function withClauses(whole: readonly number[], clauses: readonly (readonly number[])[]): number[] {
  const lifted = [...whole]
  for (const clause of clauses) {
    const winner = clause.indexOf(Math.max(...clause))
    if (clause[winner]! > clear) lifted[winner] = Math.max(lifted[winner]!, clause[winner]!)
  }
  const leader = whole.indexOf(Math.max(...whole))
  return lifted.map((value, i) => (i === leader ? value : Math.max(whole[i]!, Math.min(value, lifted[leader]! - overtakes))))
}

/** How far a lifted expert stays behind the leader. */
const overtakes = 0.5

/** Log-odds from which a clause belongs to an expert. */
const clear = 1

/** Signals as one number an expert. */
export function weighSignals(signals: readonly Signals[], weights: EvidenceWeights): Omit<Evidence, 'lexicalWeight'>[] {
  return signals.map(({ expert, words, similarity, novelty }) => ({
    expert,
    similarity,
    novelty,
    logit: weights.bias + weights.words * words + weights.similarity * similarity,
  }))
}

/** What stands in for the words' log-odds where there is no classifier: how far the expert's nearest pilot is ahead of the others'. */
function wordless(similarities: readonly number[], own: number): number {
  const rival = Math.max(...similarities.filter((_, i) => i !== own))
  return similarities.length === 1 ? 0 : Math.max(-3, Math.min(3, 12 * (similarities[own]! - rival)))
}

function read({ expert, pilots, lexicalWeight, passages = [] }: ExpertEvidence): FreshExpert {
  if (lexicalWeight !== undefined && !(lexicalWeight >= 0 && lexicalWeight <= 1)) {
    throw new InvalidArgumentError('lexicalWeight', `of expert "${expert}" is ${lexicalWeight}, not a number from 0 to 1`)
  }
  const examples = pilots.flatMap(({ text, features }) => features ?? (text === undefined ? [] : textFeatures(text)))
  return {
    name: expert,
    lexicalWeight,
    pilots: clusterPilots(packPilots(expert, pilots), mostPilots),
    examples: examples.filter(({ indices }) => indices.length > 0),
    model: undefined,
    kinds: [],
    // Some sentences teach words, but not enough to know every document by: it is not doubted for looking strange.
    knowsDocuments: false,
    passages: passageExamples(passages),
  }
}

/** Sentences of documents, for a classifier: beside a question they count for little. */
export function passageExamples(passages: readonly string[]): TextExample[] {
  return passages
    .slice(0, mostPassages)
    .map((text): TextExample => ({ features: textFeatures(text), weight: passageWeight }))
    .filter(({ features }) => features.indices.length > 0)
}

/** Trains the classifiers that are missing; those that are there stay as they are. */
function settle(state: Omit<TextRouterState, 'experts'> & { readonly experts: readonly (TextExpert | FreshExpert)[] }): TextRouterState {
  const experts = state.experts.map((one): TextExpert => {
    const { passages = [], ...expert } = one as TextExpert & Partial<FreshExpert>
    const others = state.experts.filter((other) => other !== one).map(({ examples }) => examples.map((features) => ({ features })))
    return expert.model
      ? expert
      : {
          ...expert,
          model: trainTextModel([...expert.examples.map((features) => ({ features })), ...passages], others, state.rarity),
        }
  })
  return { ...state, experts }
}

function checkDimensions(experts: readonly TextExpert[]): void {
  const [first, ...rest] = experts.map(({ pilots }) => pilots).filter(({ weights }) => weights.length > 0)
  for (const { dimensions } of rest)
    if (dimensions !== first!.dimensions) throw new DimensionMismatchError('The router', first!.dimensions, dimensions)
}
