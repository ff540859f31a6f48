/** Padded tokens in one pass: small batches stay in the processor's cache, and little of them is padding. */
const tokenBudget = 256

/**
 * Cuts sequences into batches of similar length, so that little is padding.
 * @param lengths Tokens of each sequence.
 * @param limit Sequences in a batch at most.
 * @returns Positions in `lengths`, each exactly once.
 */
export function batchesByLength(lengths: readonly number[], limit = Number.POSITIVE_INFINITY): number[][] {
  const order = lengths.map((_, position) => position).sort((a, b) => lengths[b]! - lengths[a]!)
  const batches: number[][] = []
  for (const position of order) {
    const batch = batches.at(-1)
    const longest = batch ? lengths[batch[0]!]! : 0
    if (batch && batch.length < limit && longest * (batch.length + 1) <= tokenBudget) batch.push(position)
    else batches.push([position])
  }
  return batches
}
