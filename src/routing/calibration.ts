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

/** Where an expert's cosines lie: `low` is a typical best wrong document, `high` a typical right one. */
export interface SimilarityScale {
  readonly low: number
  readonly high: number
}

/** How BM25 becomes a number in [0, 1]. */
export interface LexicalScale {
  /** The share of the bound (what a document with every query term in saturation would score) that counts as one half. */
  readonly half: number
}

/** Suits sentence encoders with cosines spread over [0, 1]. */
export const defaultCalibration: Calibration = {
  similarity: { default: { low: 0.3, high: 0.7 }, experts: {} },
  lexical: { half: 0.5 },
}

/** Checks what a pack holds. @throws InvalidPackError */
export function readCalibration(value: unknown, path = 'pack.json'): Calibration {
  const calibration = value as Calibration
  const scales = [calibration?.similarity?.default, ...Object.values(calibration?.similarity?.experts ?? {})]
  for (const scale of scales) {
    if (!(Number.isFinite(scale?.low) && Number.isFinite(scale?.high) && scale!.low < scale!.high)) {
      throw new InvalidPackError(path, 'has a calibration whose similarity scales are not pairs low < high')
    }
  }
  if (!(calibration.lexical?.half > 0 && Number.isFinite(calibration.lexical.half))) {
    throw new InvalidPackError(path, 'has a calibration without a lexical scale above 0')
  }
  return calibration
}
