import { DimensionMismatchError, InvalidVectorError } from '../errors.ts'
import { dot, isFinite, normalize, type Vector } from '../vector.ts'
import type { Pilot } from './router.ts'

/** Pilot vectors of one expert, packed for fast comparison. */
export interface PilotVectors {
  readonly dimensions: number
  /** One vector after another. */
  readonly values: Float32Array
  /** Queries each stands for. */
  readonly weights: Float32Array
}

/** Packs the vectors of pilots; pilots whose vector is all zeros say nothing and are left out. @throws InvalidVectorError, DimensionMismatchError */
export function packPilots(
  expert: string,
  pilots: readonly Pilot[],
  transform: (vector: Vector) => Vector = (vector) => vector,
): PilotVectors {
  const dimensions = pilots[0]?.vector.length ?? 0
  for (const { vector } of pilots) {
    if (vector.length !== dimensions) throw new DimensionMismatchError(`The pilots of expert "${expert}"`, dimensions, vector.length)
    if (!isFinite(vector)) throw new InvalidVectorError(`A pilot of expert "${expert}"`)
  }
  const kept = pilots.filter(({ vector, weight = 1 }) => weight > 0 && vector.some((value) => value !== 0))
  const values = new Float32Array(kept.length * dimensions)
  kept.forEach(({ vector }, i) => values.set(transform(vector), i * dimensions))
  return { dimensions, values, weights: Float32Array.from(kept, ({ weight = 1 }) => weight) }
}

/** Cosine to the nearest pilot; 0 when there is none. */
export function nearestSimilarity(pilots: PilotVectors, query: Vector): number {
  let best = -1
  for (let i = 0; i < pilots.weights.length; i++) best = Math.max(best, similarityTo(pilots, i, query))
  return pilots.weights.length === 0 ? 0 : Math.min(1, best)
}

/** Weighted mean of the cosines to all pilots; 0 when there is none. */
export function meanSimilarity(pilots: PilotVectors, query: Vector): number {
  let sum = 0
  let total = 0
  pilots.weights.forEach((weight, i) => {
    sum += weight * similarityTo(pilots, i, query)
    total += weight
  })
  return total === 0 ? 0 : sum / total
}

/** `dot` without a view of the pilot: making the views took longer than the products. */
function similarityTo({ values, dimensions }: PilotVectors, pilot: number, query: Vector): number {
  const start = pilot * dimensions
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let i = 0
  for (; i + 3 < dimensions; i += 4) {
    s0 += query[i]! * values[start + i]!
    s1 += query[i + 1]! * values[start + i + 1]!
    s2 += query[i + 2]! * values[start + i + 2]!
    s3 += query[i + 3]! * values[start + i + 3]!
  }
  for (; i < dimensions; i++) s0 += query[i]! * values[start + i]!
  return s0 + s1 + (s2 + s3)
}

/**
 * At most `count` pilots that stand for all of them: spherical k-means with a fixed start, so the same pilots always
 * give the same centroids. Fewer pilots are kept as they are.
 */
export function clusterPilots(pilots: PilotVectors, count: number): PilotVectors {
  const { dimensions, weights } = pilots
  const total = weights.length
  if (total <= count) return pilots
  const pilot = (i: number): Vector => pilots.values.subarray(i * dimensions, (i + 1) * dimensions)
  const values = new Float32Array(count * dimensions)
  for (let i = 0; i < count; i++) values.set(pilot(Math.floor((i * total) / count)), i * dimensions)
  const centroid = (i: number): Vector => values.subarray(i * dimensions, (i + 1) * dimensions)

  const sizes = new Float32Array(count)
  for (let round = 0; round < 8; round++) {
    const sums = new Float32Array(count * dimensions)
    sizes.fill(0)
    for (let i = 0; i < total; i++) {
      const vector = pilot(i)
      let nearest = 0
      let best = -Infinity
      for (let c = 0; c < count; c++) {
        const similarity = dot(vector, centroid(c))
        if (similarity > best) [best, nearest] = [similarity, c]
      }
      sizes[nearest]! += weights[i]!
      for (let j = 0; j < dimensions; j++) sums[nearest * dimensions + j]! += weights[i]! * vector[j]!
    }
    // A centroid that no pilot is nearest to stays where it was, with no weight.
    for (let c = 0; c < count; c++) if (sizes[c]! > 0) centroid(c).set(normalize(sums.subarray(c * dimensions, (c + 1) * dimensions)))
  }
  const used = [...sizes.keys()].filter((c) => sizes[c]! > 0)
  const packed = new Float32Array(used.length * dimensions)
  used.forEach((c, i) => packed.set(centroid(c), i * dimensions))
  return { dimensions, values: packed, weights: Float32Array.from(used, (c) => sizes[c]!) }
}
