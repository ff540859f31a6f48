import { DimensionMismatchError, InvalidArgumentError } from '../errors.ts'
import { normalize, type Vector } from '../vector.ts'
import { decide, type Decision, type Evidence } from './decision.ts'
import { meanSimilarity, nearestSimilarity, packPilots, type PilotVectors } from './pilots.ts'
import type { ExpertEvidence, Router } from './router.ts'

export interface PilotRouterOptions {
  /** How an expert's pilots speak for it: the mean of their cosines (the paper) or the largest (its released code). @default 'mean' */
  readonly aggregation?: 'mean' | 'max'
  /**
   * Subtracts a mean vector from queries and pilots before they are compared: encoders give all texts something in
   * common that says nothing of their domain. `true` takes the mean of the pilots it is first built from. @default false
   */
  readonly meanCentre?: boolean | Vector
  /** Let pilots count by the queries they stand for (mean aggregation only). @default true */
  readonly weights?: boolean
  /** When to fall back and when to fuse. @default never, as in the paper */
  readonly decision?: Decision
}

/** What a pilot router knows of one expert. */
export interface PilotExpert {
  readonly name: string
  readonly lexicalWeight: number | undefined
  readonly pilots: PilotVectors
}

/** Everything a pilot router knows, as data. */
export interface PilotRouterState {
  readonly experts: readonly PilotExpert[]
  readonly aggregation: 'mean' | 'max'
  readonly weights: boolean
  readonly centre: Vector | undefined
  readonly decision: Decision
}

export interface PilotRouter extends Router {
  readonly state: PilotRouterState
}

/** Always one expert, and no BM25. */
export const paperDecision: Decision = {
  confidence: { bias: -3, evidence: 0, similarity: 8, margin: 0 },
  fallback: { expert: 'general', threshold: 0, lexicalWeight: 0 },
  trust: 0,
  fuseMargin: 0,
}

/** Cosines of pilots differ little; divided by this they make shares that do. */
const temperature = 0.05

/** Routes to the expert whose pilot embeddings are nearest the query's base vector (RouterRetriever, arXiv 2409.02685). */
export function pilotRouter(
  evidence: readonly ExpertEvidence[],
  { aggregation = 'mean', meanCentre = false, weights = true, decision = paperDecision }: PilotRouterOptions = {},
): PilotRouter {
  const centre = meanCentre === true ? meanOf(evidence) : meanCentre || undefined
  const router = pilotRouterOf({ experts: [], aggregation, weights, centre, decision })
  return evidence.reduce((built, one) => {
    if (built.experts.includes(one.expert)) throw new InvalidArgumentError('evidence', `has the expert "${one.expert}" twice`)
    return built.with(one) as PilotRouter
  }, router)
}

/** A router from what another knew. */
export function pilotRouterOf(state: PilotRouterState): PilotRouter {
  const { experts, aggregation, centre, decision } = state
  const compare = aggregation === 'mean' ? meanSimilarity : nearestSimilarity
  const dimensions = experts.find(({ pilots }) => pilots.weights.length > 0)?.pilots.dimensions

  return {
    state,
    experts: experts.map(({ name }) => name),
    route(query) {
      if (dimensions !== undefined && query.vector.length !== dimensions)
        throw new DimensionMismatchError('The router', dimensions, query.vector.length)
      const vector = centred(query.vector, centre)
      const evidenceOf = ({ name, pilots, lexicalWeight }: PilotExpert): Evidence => ({
        expert: name,
        // Below 0, where a sigmoid is an exponential and the shares are a softmax.
        logit: (compare(pilots, vector) - 1) / temperature,
        similarity: nearestSimilarity(pilots, vector),
        novelty: 0,
        lexicalWeight,
      })
      return decide(query, experts.map(evidenceOf), decision)
    },
    with({ expert, pilots, lexicalWeight }) {
      if (lexicalWeight !== undefined && !(lexicalWeight >= 0 && lexicalWeight <= 1)) {
        throw new InvalidArgumentError('lexicalWeight', `of expert "${expert}" is ${lexicalWeight}, not a number from 0 to 1`)
      }
      const packed = packPilots(expert, state.weights ? pilots : pilots.map(({ vector }) => ({ vector })), (vector) =>
        centred(vector, centre),
      )
      if (dimensions !== undefined && packed.weights.length > 0 && packed.dimensions !== dimensions) {
        throw new DimensionMismatchError('The router', dimensions, packed.dimensions)
      }
      return pilotRouterOf({
        ...state,
        experts: [...experts.filter(({ name }) => name !== expert), { name: expert, pilots: packed, lexicalWeight }],
      })
    },
    without(expert) {
      const left = experts.filter(({ name }) => name !== expert)
      return left.length === experts.length ? this : pilotRouterOf({ ...state, experts: left })
    },
  }
}

function centred(vector: Vector, centre: Vector | undefined): Vector {
  if (!centre) return vector
  if (vector.length !== centre.length) throw new DimensionMismatchError('The router', centre.length, vector.length)
  return normalize(vector.map((value, i) => value - centre[i]!))
}

/** Every expert's mean, averaged: an expert with more pilots pulls no harder. */
function meanOf(evidence: readonly ExpertEvidence[]): Vector | undefined {
  const groups = evidence.filter(({ pilots }) => pilots.length > 0)
  if (groups.length === 0) return undefined
  const mean = new Float32Array(groups[0]!.pilots[0]!.vector.length)
  for (const { pilots } of groups) {
    for (const { vector } of pilots) for (let i = 0; i < mean.length; i++) mean[i]! += vector[i]! / (pilots.length * groups.length)
  }
  return mean
}
