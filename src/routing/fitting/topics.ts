import { featureDimensions, topicWords } from '../features.ts'
import type { QueryGroup } from './queries.ts'

/** Passages of a set that are counted. */
const mostPassages = 50_000
/** Added to every share, so that a word seen once says little. */
const smoothing = 0.00003
/** No word says more than this (natural logarithm of a ratio). */
const most = 3
/** Below this a word says nothing worth storing. */
const least = 0.5

/**
 * What each word of the documents says of the expert whose documents use it: the logarithm of the share of its passages that
 * hold the word, over the mean share of the others', by feature index. Documents hold the words of a domain that no train
 * query happens to use: *ibuprofen* is medicine even where nobody asked for it.
 */
export function topicLogOdds(groups: readonly QueryGroup[], experts: readonly string[]): Float32Array[] {
  const shares = experts.map((expert) =>
    mean(
      groups.filter((group) => group.expert === expert && (group.passages?.length ?? 0) > 0).map(({ passages }) => wordShares(passages!)),
    ),
  )
  const logOdds = experts.map(() => new Float32Array(featureDimensions))
  if (experts.length < 2 || shares.some((share) => share === undefined)) return logOdds
  for (let word = 0; word < featureDimensions; word++) {
    const total = shares.reduce((sum, share) => sum + share![word]!, 0)
    if (total === 0) continue
    shares.forEach((share, e) => {
      const others = (total - share![word]!) / (experts.length - 1)
      const odds = Math.max(-most, Math.min(most, Math.log((share![word]! + smoothing) / (others + smoothing))))
      if (Math.abs(odds) >= least) logOdds[e]![word] = odds
    })
  }
  return logOdds
}

const counted = new WeakMap<readonly string[], Float32Array>()

/** Share of passages that hold each word. Remembered: routers are learned many times from the same documents. */
function wordShares(passages: readonly string[]): Float32Array {
  let shares = counted.get(passages)
  if (shares) return shares
  shares = new Float32Array(featureDimensions)
  const used = passages.slice(0, mostPassages)
  for (const passage of used) for (const word of topicWords(passage)) shares[word]! += 1 / used.length
  counted.set(passages, shares)
  return shares
}

function mean(lists: readonly Float32Array[]): Float32Array | undefined {
  return lists[0]?.map((_, i) => lists.reduce((sum, list) => sum + list[i]!, 0) / lists.length)
}
