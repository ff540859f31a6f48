import { decide, type Roster } from '../engine/roster.ts'
import { isDense, type Expert } from '../expert/expert.ts'
import { generalName, type LoadedPack } from '../load-pack.ts'
import type { Route } from '../routing/router.ts'
import type { TaskSample } from '../tasks/sample.ts'
import { dot, type Vector } from '../vector.ts'
import type { CandidateSystem } from './candidate-system.ts'
import { candidateVectors, encodeTexts } from './encoded-texts.ts'
import { placesByScore } from './places.ts'
import { takingTurns } from './turns.ts'

type DenseExpert = Exclude<Expert, { kind: 'lexical' }>

export interface RoutedSystemOptions {
  /** Only experts that are bound to the sample's task are asked, as with the engine's `task`. @default false */
  readonly byTask?: boolean
}

/**
 * Orders candidates as the pack's routed experts do: the router decides for each query whom to ask, and where it asks two the pack's
 * calibration mixes them. BM25 has no share in it.
 */
export function routedSystem(pack: LoadedPack, { byTask = false }: RoutedSystemOptions = {}): CandidateSystem {
  const dense = new Map<string, DenseExpert>(pack.experts.filter(isDense).map((expert) => [expert.name, expert]))
  const roster: Roster = { experts: dense, router: pack.router, general: generalName }
  const keys = new Map([...dense.values()].map(({ documentEncoder }) => [documentEncoder.id, candidateVectors(documentEncoder)]))
  const keysOf = (expert: string) => keys.get(dense.get(expert)!.documentEncoder.id)!

  return {
    name: byTask ? 'task' : 'routed',
    async order(samples, { seed = 1, signal, onTruncated } = {}) {
      const base = await encodeTexts(
        pack.base,
        samples.map(({ query }) => query),
        signal,
      )
      const routes = samples.map(({ query, task }) =>
        decide(roster, { text: query, vector: base.vectors.get(query)! }, { lexicalWeight: 0, ...(byTask && { task }) }),
      )
      const vectors = await queryVectors(dense, samples, routes, signal)
      for (const name of dense.keys()) {
        const asked = samples.filter((_, i) => routes[i]!.experts.some((expert) => expert.name === name))
        await keysOf(name).prepare(
          asked.map(({ candidates }) => candidates),
          signal,
        )
      }
      const breathe = takingTurns(signal)
      const orders: number[][] = []
      for (const [i, sample] of samples.entries()) {
        await breathe()
        const asked = routes[i]!.experts.map(({ name }) => ({ own: keysOf(name).of(sample.candidates), query: vectors[i]!.get(name)! }))
        const scores = mixedScores(pack, routes[i]!, asked, sample.candidates.length)
        onTruncated?.({
          queries: Number(base.truncated.has(sample.query)),
          candidates: Math.max(...asked.map(({ own }) => own.truncated)),
        })
        orders.push(placesByScore(sample, scores, seed))
      }
      return orders
    },
  }
}

/** Each query under the experts that its route asks, texts that meet the same encoder in one pass. */
async function queryVectors(
  experts: ReadonlyMap<string, DenseExpert>,
  samples: readonly TaskSample[],
  routes: readonly Route[],
  signal: AbortSignal | undefined,
): Promise<Map<string, Vector>[]> {
  const vectors = samples.map(() => new Map<string, Vector>())
  for (const [name, { queryEncoder }] of experts) {
    const places = [...samples.keys()].filter((i) => routes[i]!.experts.some((expert) => expert.name === name))
    const encoded = await encodeTexts(
      queryEncoder,
      places.map((i) => samples[i]!.query),
      signal,
    )
    for (const i of places) vectors[i]!.set(name, encoded.vectors.get(samples[i]!.query)!)
  }
  return vectors
}

/** Scores of candidates under a route: one expert's cosines order as they are, those of two are fused. */
function mixedScores(
  { fusion }: LoadedPack,
  route: Route,
  asked: readonly { readonly own: { readonly vectors: readonly Vector[] }; readonly query: Vector }[],
  candidates: number,
): Float64Array {
  const similarities = Array.from({ length: candidates }, (_, place) => asked.map(({ own, query }) => dot(query, own.vectors[place]!)))
  if (asked.length === 1) return Float64Array.from(similarities, ([similarity]) => similarity!)
  const scores = new Float64Array(candidates)
  const found = { candidates: similarities.map((each, place) => ({ id: String(place), similarities: each, lexical: 0 })), lexicalBound: 0 }
  for (const { id, score } of fusion(found, route)) scores[Number(id)] = score
  return scores
}
