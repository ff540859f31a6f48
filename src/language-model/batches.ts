/** Padded tokens in one pass. Larger passes are no faster on a processor, and hold a number for each token and word of the vocabulary. */
const tokenBudget = 1024

/**
 * Cuts sequences into batches of similar length, so that little is padding; the longest come first.
 * @returns Positions in `lengths`, each exactly once.
 */
export function tokenBatches(lengths: readonly number[], budget = tokenBudget): number[][] {
  const order = [...lengths.keys()].sort((a, b) => lengths[b]! - lengths[a]!)
  const batches: number[][] = []
  for (const position of order) {
    const batch = batches.at(-1)
    if (batch && lengths[batch[0]!]! * (batch.length + 1) <= budget) batch.push(position)
    else batches.push([position])
  }
  return batches
}
