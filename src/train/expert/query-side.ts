import type { Random } from '../random.ts'
import type { Batch } from './batch.ts'

/**
 * What an expert learns: how to turn queries into vectors. Documents stay as the base embeds them, or are among the texts that it turns into
 * vectors. Texts are named by their number among those the query side was made for.
 */
export interface QuerySide {
  readonly dimensions: number
  /** Writes the unit vector of each query, one after another. `out` lies in the workspace the side was made with. */
  forward(queries: readonly number[], out: Float32Array, dropout?: Dropout): void | Promise<void>
  /** Goes back to the start. */
  reset(): void
  /** Remembers the present state, or goes back to the remembered one. */
  keep(): void
  restore(): void
  /** All that learning changes, by name, for checkpoints: live arrays, which may be written to as well. */
  readonly state: Readonly<Record<string, Float32Array>>
  readonly learning: Learning
}

/** How a side learns. */
export interface Learning {
  /** Learns from the gradient with respect to what the last `forward` wrote. */
  learn(upstream: Float32Array, rate: number, step: number): void | Promise<void>
  /**
   * Forward, contrastive loss, backward and update at once, where that spares a second pass. Gives the loss in nats. `documents` holds the batch's
   * columns, one after another.
   */
  contrast?(batch: Batch, documents: Float32Array, temperature: number, rate: number, step: number): Promise<number>
}

/** Tokens left out of queries while learning, so that none is relied on alone. Only where queries are made of tokens. */
export interface Dropout {
  readonly share: number
  readonly generator: Random
}
