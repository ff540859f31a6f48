import type { Candidate } from '../store/store.ts'
import { defaultCalibration, type Calibration, type SimilarityScale } from './calibration.ts'
import type { FusedHit, Fusion } from './fusion.ts'

/**
 * Adds calibrated scores: each dense expert's at its weight in the route, BM25's at the route's `lexicalWeight`. Ties go
 * by id. `result.similarities` are those of `route.experts`, in order; further experts of the route (lexical ones, which have no
 * vector) leave their weight to BM25.
 */
export function fusion(calibration: Calibration = defaultCalibration): Fusion {
  const { similarity, lexical: lexicalScale } = calibration
  const scaleOf = (expert: string): SimilarityScale =>
    Object.hasOwn(similarity.experts, expert) ? similarity.experts[expert]! : similarity.default

  return ({ candidates, lexicalBound }, route) => {
    const parts = route.experts.map(({ name, weight }) => ({ name, weight, scale: scaleOf(name) }))

    const score = ({ id, similarities, lexical }: Candidate): FusedHit => {
      let dense = 0
      let denseWeight = 0
      let best = -1
      let expert = route.experts[0]?.name ?? ''
      similarities.forEach((cosine, i) => {
        const { name, weight, scale } = parts[i]!
        const calibrated = likeness(cosine, scale)
        dense += weight * calibrated
        denseWeight += weight
        if (calibrated > best) [best, expert] = [calibrated, name]
      })
      const share = (1 - route.lexicalWeight) * denseWeight
      const words = matching(lexical, lexicalBound, lexicalScale.half)
      const mixed = (denseWeight > 0 ? (share / denseWeight) * dense : 0) + (1 - share) * words
      return { id, score: Math.min(1, Math.max(0, mixed)), similarity: similarities[0] ?? 0, lexical, expert }
    }
    return candidates.map(score).sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
  }
}

function likeness(cosine: number, { centre, slope }: SimilarityScale): number {
  return 1 / (1 + Math.exp(-slope * (cosine - centre)))
}

function matching(lexical: number, bound: number, half: number): number {
  return lexical > 0 && bound > 0 ? lexical / (lexical + half * Math.sqrt(bound)) : 0
}
