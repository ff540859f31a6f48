import { InvalidArgumentError } from '../errors.ts'
import type { TaskSample } from '../tasks/sample.ts'
import type { CandidateSystem } from './candidate-system.ts'
import { rankingScores, type RankingScores } from './rankings.ts'

/** What is kept of a system's orders. */
export interface OrderedSamples {
  /** Of each sample; `undefined` where the system has no order. */
  readonly scores: readonly (RankingScores | undefined)[]
  /** Places of the candidates it puts first. */
  readonly best: readonly (readonly number[] | undefined)[]
  readonly truncated: { readonly queries: number; readonly candidates: number }
}

export interface OrderSamplesOptions {
  readonly cutoff: number
  /** Places that are kept of each order. */
  readonly keep: number
  readonly seed: number
  readonly signal?: AbortSignal
  /** Called with further samples that are in order. */
  readonly onOrdered?: (samples: number) => void
}

/** Samples that are put in order at a time. */
const blockSize = 64

/** Has a system put every sample's candidates in order, and scores the orders. */
export async function orderSamples(
  system: CandidateSystem,
  samples: readonly TaskSample[],
  { cutoff, keep, seed, signal, onOrdered }: OrderSamplesOptions,
): Promise<OrderedSamples> {
  const scores: (RankingScores | undefined)[] = []
  const best: (readonly number[] | undefined)[] = []
  const truncated = { queries: 0, candidates: 0 }
  const onTruncated = (texts: { readonly queries: number; readonly candidates: number }): void => {
    truncated.queries += texts.queries
    truncated.candidates += texts.candidates
  }
  for (let from = 0; from < samples.length; from += blockSize) {
    signal?.throwIfAborted()
    const block = samples.slice(from, from + blockSize)
    const orders = await system.order(block, { seed, onTruncated, ...(signal && { signal }) })
    block.forEach((sample, i) => {
      const order = orders[i]
      if (order) requireOrder(order, sample, system.name)
      scores.push(order && rankingScores(sample, order, cutoff))
      best.push(order?.slice(0, keep))
    })
    onOrdered?.(block.length)
  }
  return { scores, best, truncated }
}

/** A place that comes twice would count twice. @throws InvalidArgumentError */
function requireOrder(order: readonly number[], { candidates, id }: TaskSample, system: string): void {
  const seen = new Uint8Array(candidates.length)
  for (const place of order) {
    if (seen[place] !== 0)
      throw new InvalidArgumentError(
        'systems',
        `has "${system}", whose order of sample ${JSON.stringify(id)} has the place ${place} ${seen[place] === 1 ? 'twice' : `among ${candidates.length} candidates`}`,
      )
    seen[place] = 1
  }
}
