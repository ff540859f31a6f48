import type { Vector } from '../vector.ts'

/** Turns texts into unit-length vectors. */
export interface Encoder {
  /**
   * Fingerprint of everything that changes a vector: model bytes, pooling, normalisation, prefix, truncation, dtype.
   * Equal ids mean interchangeable vectors, so experts with equal document encoders share a space.
   */
  readonly id: string
  readonly dimensions: number
  /**
   * One vector per text, in order. An empty list gives an empty list. A text with nothing the encoder knows
   * (empty, another script) gives a defined vector, for static encoders zeros; never NaN.
   */
  encode(texts: readonly string[], options?: EncodeOptions): Promise<Vector[]>
  /** Frees native memory and threads. Safe to call twice; encoding afterwards throws `ClosedError`. */
  close(): Promise<void>
}

export interface EncodeOptions {
  /** Aborting rejects with the signal's reason; work already handed to a native session finishes first. */
  readonly signal?: AbortSignal
  /** Called once for each text longer than the encoder reads. */
  readonly onTruncated?: (truncation: Truncation) => void
}

/** A text of which the encoder read only the beginning. */
export interface Truncation {
  /** Position in the list that was given to `encode`. */
  readonly index: number
  /** Tokens in the whole text. */
  readonly tokens: number
  /** Tokens the encoder reads at most. */
  readonly limit: number
}
