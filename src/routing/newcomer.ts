import { dot, type Vector } from '../vector.ts'
import { textFeatures } from './features.ts'
import { sparseDot } from './logistic.ts'
import { nearestSimilarity } from './pilots.ts'
import type { Pilot, SparseFeatures } from './router.ts'
import { atOnce, type Turns } from './turns.ts'
import { trainTextModel, weighFeatures, type TextExample, type TextModel } from './text-evidence.ts'
import type { TextRouterState } from './text-router.ts'

/** Parts of the newcomer's queries that are left out of training in turn. */
const folds = 3
/** The share of its own unseen queries that a newcomer should win. */
const wins = 0.85
/** The share of the others' queries that must stay theirs, with room to spare. */
const stays = 0.98

/**
 * What to add to the bias of an expert's new classifier. One learned from a dozen queries knows few of its domain's words
 * and says too little of unseen queries, while experts that have seen thousands claim them. So the newcomer is lifted until
 * it wins most of its own queries, each judged by a classifier that has not seen it, but no more than half the way to
 * where it would take queries from the others. Nothing of the others changes.
 */
export function newcomerLift(name: string, pilots: readonly Pilot[], state: TextRouterState): number {
  return atOnce(liftInTurns(name, pilots, state))
}

/** The same in parts of some tenths of a second: other work can go in between. */
export function* liftInTurns(
  name: string,
  pilots: readonly Pilot[],
  state: TextRouterState,
  passages: readonly TextExample[] = [],
): Turns<number> {
  const { rarity, weights } = state
  const newcomer = state.experts.find((expert) => expert.name === name)!
  const others = state.experts.filter((expert) => expert !== newcomer && expert.model)
  const queries = pilots.flatMap(({ vector, text, features }) => {
    const raw = features ?? (text === undefined ? undefined : textFeatures(text))
    return raw && raw.indices.length > 0 ? { vector, raw, weighed: weighFeatures(raw, rarity) } : []
  })
  if (!newcomer.model || others.length === 0 || queries.length < folds || weights.words <= 0) return 0

  const words = (model: TextModel, features: SparseFeatures): number => weights.words * (model.bias + sparseDot(features, model.weights))
  const claim = (vector: Vector, features: SparseFeatures): number =>
    Math.max(...others.map(({ model, pilots: known }) => words(model!, features) + weights.similarity * nearestSimilarity(known, vector)))

  const background = others.map(({ examples }) => examples.map((features) => ({ features })))
  const lacking: number[] = []
  for (let fold = 0; fold < folds; fold++) {
    const seen = queries.filter((_, i) => i % folds !== fold)
    const model = trainTextModel([...seen.map(({ raw }) => ({ features: raw })), ...passages], background, rarity)
    if (!model) return 0
    yield
    for (const { vector, weighed } of queries.filter((_, i) => i % folds === fold)) {
      const nearest = Math.max(...seen.map((other) => dot(vector, other.vector)))
      lacking.push(claim(vector, weighed) - words(model, weighed) - weights.similarity * nearest)
    }
  }
  const leads = others.flatMap(({ model, examples }) =>
    examples.map((example) => {
      const features = weighFeatures(example, rarity)
      return words(model!, features) - words(newcomer.model!, features)
    }),
  )
  const room = Math.max(0, quantile(leads, 1 - stays) / 2)
  return Math.min(Math.max(0, quantile(lacking, wins)), room) / weights.words
}

function quantile(values: number[], share: number): number {
  if (values.length === 0) return 0
  values.sort((a, b) => a - b)
  return values[Math.min(values.length - 1, Math.floor(share * values.length))]!
}
