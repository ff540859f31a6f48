/**
 * What an expert learns: how to turn queries into vectors. Documents stay as the base embeds them. Queries are named by
 * their number among those the query side was made for.
 */
export interface QuerySide {
  readonly dimensions: number
  /** Writes the unit vector of each query, one after another. `out` lies in the workspace the side was made with. */
  forward(queries: readonly number[], out: Float32Array): void
  /** Learns from the gradient with respect to what the last `forward` wrote. */
  learn(upstream: Float32Array, rate: number, step: number): void
  /** Goes back to where the base is. */
  reset(): void
  /** Remembers the present state, or goes back to the remembered one. */
  keep(): void
  restore(): void
}
