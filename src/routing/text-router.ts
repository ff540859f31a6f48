import { DimensionMismatchError, InvalidArgumentError } from '../errors.ts'
import type { Vector } from '../vector.ts'
import { confidenceIn, decide, rank, type Decision, type Evidence } from './decision.ts'
import { clausesOf, textFeatures } from './features.ts'
import { lexicalShare, likelihoods, type LexicalShares, type QuestionKind } from './kinds.ts'
import { liftInTurns } from './newcomer.ts'
import { pilotScores, type PilotScores } from './pilot-scores.ts'
import { clusterPilots, packPilots, type PilotVectors } from './pilots.ts'
import type { ExpertEvidence, Router, SparseFeatures } from './router.ts'
import { absenceOf, surveyCollection } from './survey.ts'
import { atOnce, inTurns, type Turns } from './turns.ts'
import { countFeatures, trainTextModel, type FeatureRarity, type TextExample, type TextModel } from './text-evidence.ts'
import { wordScores, type HeardText, type WordScores } from './word-scores.ts'

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
      const { survey } = query
      const { similarities, whole, words, kinds } = hear(query.text, query.vector, tablesOf(state))
      const evidence = experts.map(({ name, knowsDocuments }, i): Evidence => {
        const absence = survey && decision.collection && knowsDocuments ? decision.collection.absence * absenceOf(survey, name) : 0
        return {
          expert: name,
          similarity: similarities[i]!,
          novelty: whole.novelty,
          logit: logitOf(words[i]!, similarities[i]!, state.weights) - absence,
          knowsDocuments,
          lexicalWeight: lexicalShare(shares[i]!, kinds[i]!),
        }
      })
      return decide(query, evidence, decision)
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
export function signalsFor(text: string, vector: Vector, state: TextRouterState): Signals[] {
  const { similarities, whole, words, kinds } = hear(text, vector, tablesOf(state))
  return state.experts.map(({ name }, i) => ({
    expert: name,
    words: words[i]!,
    similarity: similarities[i]!,
    novelty: whole.novelty,
    kinds: kinds[i]!,
  }))
}

/** What a state knows, laid out for speed. */
interface Tables {
  readonly words: WordScores
  readonly pilots: PilotScores
  /** For each expert the columns of its classifier (below 0 without one) and of its kinds among the words' logits. */
  readonly columns: readonly { readonly own: number; readonly kinds: readonly number[] }[]
}

/** Made for the first question: many routers are never asked. */
const tables = new WeakMap<TextRouterState, Tables>()

function tablesOf(state: TextRouterState): Tables {
  const known = tables.get(state)
  if (known) return known
  const models: TextModel[] = []
  const columns = state.experts.map(({ model, kinds }) => ({
    own: model ? models.push(model) - 1 : -1,
    kinds: kinds.map((kind) => models.push(kind.model) - 1),
  }))
  const made: Tables = { words: wordScores(models, state.rarity), pilots: pilotScores(state.experts.map(({ pilots }) => pilots)), columns }
  tables.set(state, made)
  return made
}

interface HeardQuery {
  /** By expert. */
  readonly similarities: Float64Array
  readonly whole: HeardText
  readonly words: Float64Array
  readonly kinds: readonly (readonly number[])[]
}

function hear(text: string, vector: Vector, { words: scores, pilots, columns }: Tables): HeardQuery {
  const similarities = pilots.nearest(vector)
  const byExpert = ({ logits }: HeardText): Float64Array => {
    const words = new Float64Array(columns.length)
    for (let i = 0; i < words.length; i++) words[i] = columns[i]!.own < 0 ? wordless(similarities, i) : logits[columns[i]!.own]!
    return words
  }
  const whole = scores.hear(text)
  return {
    similarities,
    whole,
    words: withClauses(
      byExpert(whole),
      clausesOf(text).map((clause) => byExpert(scores.hear(clause))),
    ),
    kinds: columns.map(({ kinds }) => (kinds.length === 0 ? none : likelihoods(kinds.map((column) => whole.logits[column]!)))),
  }
}

const none: readonly number[] = []

/**
 * Lets a clause speak for the expert it clearly belongs to: of a question that names two domains the whole drowns one. The
 * expert that leads by the whole text is not overtaken. Of made-up questions of two domains 80 % reach both experts so, 25 % without.
 */
function withClauses(whole: Float64Array, clauses: readonly Float64Array[]): Float64Array {
  if (clauses.length === 0) return whole
  const lifted = whole.slice()
  for (const clause of clauses) {
    const winner = largest(clause)
    if (clause[winner]! > clear) lifted[winner] = Math.max(lifted[winner]!, clause[winner]!)
  }
  const leader = largest(whole)
  return lifted.map((value, i) => (i === leader ? value : Math.max(whole[i]!, Math.min(value, lifted[leader]! - overtakes))))
}

/** Where the largest value is; the first of equals. */
function largest(values: Float64Array): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i
  return best
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
    logit: logitOf(words, similarity, weights),
  }))
}

function logitOf(words: number, similarity: number, weights: EvidenceWeights): number {
  return weights.bias + weights.words * words + weights.similarity * similarity
}

/** What stands in for the words' log-odds where there is no classifier: how far the expert's nearest pilot is ahead of the others'. */
function wordless(similarities: Float64Array, own: number): number {
  let rival = -Infinity
  for (let i = 0; i < similarities.length; i++) if (i !== own) rival = Math.max(rival, similarities[i]!)
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
