import { dot, isZero, type Vector } from '../vector.ts'
import { clusterPilots, packPilots } from './pilots.ts'
import type { Survey, SurveyedDocument } from './router.ts'
import type { Turns } from './turns.ts'

/** What is said of one document. */
export interface DocumentRoute {
  readonly expert: string
  readonly confidence: number
}

const mostRegions = 16
/** A region's say falls by e for every so much less cosine. */
const reach = 0.05
/** Documents whose word counts as much as not having looked. */
const doubtfulDocuments = 5
/** A domain is there when it has this share of the documents … */
const leastShare = 0.05
/** … or so many of them. */
const leastDocuments = 200
/** Added to what was counted in a sample: what was not met may be there all the same. */
const unseen = 3

/** Asks a router of every document of a sample. It rests now and then. */
export function* surveyCollection(
  sample: readonly SurveyedDocument[],
  documents: number,
  route: (document: SurveyedDocument) => DocumentRoute | undefined,
): Turns<Survey> {
  const claims = new Map<string, number>()
  const known: { vector: Vector; confidence: number }[] = []
  for (const [i, document] of sample.entries()) {
    if (i % 32 === 31) yield
    const said = isZero(document.vector) ? undefined : route(document)
    if (!said) continue
    claims.set(said.expert, (claims.get(said.expert) ?? 0) + 1)
    known.push({ vector: document.vector, confidence: said.confidence })
  }
  yield
  const { dimensions, values, weights } = clusterPilots(packPilots('the collection', known), mostRegions)
  const centres = Array.from(weights, (_, i) => values.slice(i * dimensions, (i + 1) * dimensions))
  const members = centres.map((): number[] => [])
  for (const { vector, confidence } of known) members[nearest(centres, vector)]!.push(confidence)
  const regions = centres.flatMap((centre, i) => (members[i]!.length === 0 ? [] : [{ centre, familiarity: mean(members[i]!) }]))
  return { documents, sampled: known.length, regions, claims }
}

/** How well the router knows what the collection holds near a question, in [0, 1]; `neutral` where nothing was looked at. */
export function familiarityAt({ regions, sampled }: Survey, vector: Vector, neutral: number): number {
  if (regions.length === 0) return neutral
  const cosines = regions.map(({ centre }) => dot(centre, vector))
  const highest = Math.max(...cosines)
  let sum = 0
  let total = 0
  regions.forEach(({ familiarity }, i) => {
    const weight = Math.exp((cosines[i]! - highest) / reach)
    sum += weight * familiarity
    total += weight
  })
  return (sampled * (sum / total) + doubtfulDocuments * neutral) / (sampled + doubtfulDocuments)
}

/**
 * How much speaks against an expert because the collection holds next to nothing of its domain, as a logarithm, 0 or more. Unlike a prior by
 * documents it never speaks against a small domain of a large collection: a sample that has not met it cannot tell.
 */
export function absenceOf({ documents, sampled, claims }: Survey, expert: string): number {
  if (sampled === 0) return 0
  const share = ((claims.get(expert) ?? 0) + unseen) / sampled
  return Math.max(0, Math.min(Math.log(leastShare / share), Math.log(leastDocuments / (share * documents))))
}

function nearest(centres: readonly Vector[], vector: Vector): number {
  let best = 0
  let highest = -Infinity
  centres.forEach((centre, i) => {
    const cosine = dot(centre, vector)
    if (cosine > highest) [highest, best] = [cosine, i]
  })
  return best
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
