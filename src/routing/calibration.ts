import { InvalidPackError } from '../errors.ts'

/**
 * Makes the scores of different experts and of BM25 comparable, the same for every query. Fitted on held-out queries,
 * part of a pack, plain JSON.
 */
export interface Calibration {
  readonly similarity: {
    /** For experts that are not named: those added at run time. */
    readonly default: SimilarityScale
    readonly experts: Readonly<Record<string, SimilarityScale>>
  }
  readonly lexical: LexicalScale
}

/** Where an expert's cosines lie: a logistic, so that no cosine is ever cut off and the order always stays. */
export interface SimilarityScale {
  /** The cosine that counts one half: between a typical right document and a typical best wrong one. */
  readonly centre: number
  /** How fast scores change around it. Near 2 the score is as good as linear in the cosine. */
  readonly slope: number
}

/** How BM25 becomes a number in [0, 1). */
export interface LexicalScale {
  /**
   * BM25 counts one half where it is this times the square root of its bound: fusing raw BM25 does best on one collection,
   * its share of the bound carries over to others, and the root is within 0.1 nDCG of the former.
   */
  readonly half: number
}

/** Suits sentence encoders with cosines spread over [0, 1]. */
export const defaultCalibration: Calibration = {
  similarity: { default: { centre: 0.5, slope: 3 }, experts: {} },
  lexical: { half: 7 },
}

/** Checks what a pack holds. @throws InvalidPackError */
export function readCalibration(value: unknown, path = 'pack.json'): Calibration {
  const calibration = value as Calibration
  const scales = [calibration?.similarity?.default, ...Object.values(calibration?.similarity?.experts ?? {})]
  for (const scale of scales) {
    if (!(Number.isFinite(scale?.centre) && Number.isFinite(scale?.slope) && scale!.slope > 0)) {
      throw new InvalidPackError(path, 'has a calibration whose similarity scales lack a centre or a slope above 0')
    }
  }
  if (!(calibration.lexical?.half > 0 && Number.isFinite(calibration.lexical.half))) {
    throw new InvalidPackError(path, 'has a calibration without a lexical scale above 0')
  }
  return calibration
}
