import { isZero } from '../vector.ts'
import { latinShare } from './features.ts'
import type { ExpertScore, Route, RouterQuery } from './router.ts'
import { familiarityAt } from './survey.ts'

/** How a router turns evidence into a route: fitted on held-out queries when pilots are built, plain JSON in a pack. */
export interface Decision {
  /** Log-odds that the best expert should be asked rather than the general one: a weighted sum of what is known of it. */
  readonly confidence: {
    readonly bias: number
    /** Per unit of its evidence (log-odds). */
    readonly evidence: number
    /** Per unit of the cosine to its nearest pilot. */
    readonly similarity: number
    /** Per unit of margin. */
    readonly margin: number
    /** Per unit of novelty. @default 0 */
    readonly novelty?: number
  }
  readonly fallback: {
    /** Name of the expert that is asked when confidence is too low. */
    readonly expert: string
    /** Less confidence than this falls back. 0 never does. */
    readonly threshold: number
    /** BM25's share on fallback, and for experts that have no weight of their own. */
    readonly lexicalWeight: number
  }
  /**
   * The confidence from which an expert's own BM25 share applies; below, the share slides towards that of fallback. To a
   * stranger's question the share matters and the expert hardly does. 0 never slides; above 1 every share does, a little.
   */
  readonly trust: number
  /** The two best experts are fused when their margin is smaller. 0 never fuses. */
  readonly fuseMargin: number
  /** What a survey of the collection changes. @default nothing */
  readonly collection?: CollectionDecision
}

/** How much the collection counts beside the query. */
export interface CollectionDecision {
  /** What the log-odds of its familiarity, beyond the neutral, add to those of confidence. */
  readonly familiarity: number
  /** The familiarity that changes nothing, in (0, 1). */
  readonly neutral: number
  /** What the absence of an expert's domain takes from its log-odds. */
  readonly absence: number
}

/** What speaks for one expert. */
export interface Evidence {
  readonly expert: string
  /** Log-odds that the query is of its domain, whatever the others say. */
  readonly logit: number
  /** Cosine to the nearest pilot. */
  readonly similarity: number
  /** How rare the query's topic words are where the router learned, in [0, 1]: a stranger's question is of words that no expert has met. */
  readonly novelty: number
  readonly lexicalWeight: number | undefined
  /** Whether it would know documents of its domain: those of an expert that learned from questions alone look strange. @default false */
  readonly knowsDocuments?: boolean
}

/** BM25's least share for text that is mostly not in Latin script: the bundled experts know English only. */
const foreignScriptLexicalWeight = 0.9

/** Applies a decision rule to the evidence for one query. Experts with equal evidence are ordered by name. */
export function decide(query: RouterQuery, evidence: readonly Evidence[], decision: Decision): Route {
  const { ranked, scores, margin } = rank(evidence)
  const [best, second] = ranked
  const { fallback } = decision

  const unknown = isZero(query.vector)
  const foreignScript = (latinShare(query.text) ?? 1) < 0.5
  const { collection } = decision
  const familiarity = query.survey && collection && familiarityAt(query.survey, query.vector, collection.neutral)
  const heard = familiarity !== undefined && collection && !best?.knowsDocuments ? Math.max(familiarity, collection.neutral) : familiarity
  const confidence =
    best === undefined || unknown || foreignScript ? 0 : amongDocuments(confidenceIn(best, margin, decision), heard, collection)
  const known = { scores, confidence, margin, ...(familiarity !== undefined && { familiarity }) }
  if (best === undefined || unknown || foreignScript || confidence < fallback.threshold) {
    const lexicalWeight = unknown
      ? 1
      : foreignScript
        ? Math.max(foreignScriptLexicalWeight, fallback.lexicalWeight)
        : fallback.lexicalWeight
    return { decision: 'fallback', experts: [{ name: fallback.expert, weight: 1 }], ...known, lexicalWeight }
  }

  const trusted = decision.trust > 0 ? Math.min(1, confidence / decision.trust) : 1
  const lexicalWeightOf = ({ lexicalWeight = fallback.lexicalWeight }: Evidence): number =>
    trusted * lexicalWeight + (1 - trusted) * fallback.lexicalWeight
  if (second === undefined || margin >= decision.fuseMargin) {
    return { decision: 'expert', experts: [{ name: best.expert, weight: 1 }], ...known, lexicalWeight: lexicalWeightOf(best) }
  }
  const weight = scores[0]!.score / (scores[0]!.score + scores[1]!.score)
  return {
    decision: 'fused',
    experts: [
      { name: best.expert, weight },
      { name: second.expert, weight: 1 - weight },
    ],
    ...known,
    lexicalWeight: weight * lexicalWeightOf(best) + (1 - weight) * lexicalWeightOf(second),
  }
}

/**
 * Orders experts by their evidence. Scores are the experts' own probabilities over their sum: two experts that are both
 * sure score alike, however much surer one is, so that a question of two domains has a small margin.
 */
export function rank<E extends Omit<Evidence, 'lexicalWeight'>>(
  evidence: readonly E[],
): { ranked: E[]; scores: ExpertScore[]; margin: number } {
  const ranked = [...evidence].sort((a, b) => b.logit - a.logit || (a.expert < b.expert ? -1 : 1))
  const probabilities = ranked.map(({ logit }) => Math.exp(logSigmoid(logit) - logSigmoid(ranked[0]!.logit)))
  const sum = probabilities.reduce((total, probability) => total + probability, 0)
  const scores = ranked.map(({ expert, similarity }, i) => ({ expert, score: probabilities[i]! / sum, similarity }))
  const margin = scores.length === 0 ? 0 : scores.length === 1 ? 1 : scores[0]!.score - scores[1]!.score
  return { ranked, scores, margin }
}

/** The calibrated probability that the best expert should be asked. */
export function confidenceIn(
  { logit, similarity, novelty }: Omit<Evidence, 'lexicalWeight'>,
  margin: number,
  { confidence }: Pick<Decision, 'confidence'>,
): number {
  const logOdds =
    confidence.bias +
    confidence.evidence * logit +
    confidence.similarity * similarity +
    confidence.margin * margin +
    (confidence.novelty ?? 0) * novelty
  return 1 / (1 + Math.exp(-logOdds))
}

/** Confidence in a query once the collection is known: a collection of strangers makes strangers' questions likely. */
function amongDocuments(confidence: number, familiarity: number | undefined, collection: CollectionDecision | undefined): number {
  if (familiarity === undefined || !collection) return confidence
  const odds = logOdds(confidence) + collection.familiarity * (logOdds(familiarity) - logOdds(collection.neutral))
  return 1 / (1 + Math.exp(-odds))
}

/** Nobody is surer than 98 %. */
function logOdds(probability: number): number {
  const sure = Math.min(0.98, Math.max(0.02, probability))
  return Math.log(sure / (1 - sure))
}

function logSigmoid(value: number): number {
  return value > 0 ? -Math.log1p(Math.exp(-value)) : value - Math.log1p(Math.exp(value))
}
