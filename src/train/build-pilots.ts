import type { Filter } from '../document.ts'
import { InvalidArgumentError, UnknownExpertError } from '../errors.ts'
import { ndcg } from '../eval/metrics/ndcg.ts'
import type { Encoder } from '../encoder/encoder.ts'
import { isDense, type Expert } from '../expert/expert.ts'
import { fitRouting, type FittedRouting, type Found, type HeldOutQuery, type QueryGroup } from '../routing/fitting/fit-routing.ts'
import type { Store, StoreQuery } from '../store/store.ts'
import type { Vector } from '../vector.ts'
import { startClock, type TrainingProgress } from './progress.ts'
import { random, shuffled } from './random.ts'

/** Held-out queries of one set, whose documents are in the collection that is searched. */
export interface PilotSet {
  readonly name: string
  /** The expert of its domain. */
  readonly expert: string
  /** Queries that no training saw, with grades by document id; in a set without documents, of its domain in other words, without grades. */
  readonly queries: readonly { readonly text: string; readonly grades?: ReadonlyMap<string, number> }[]
  /** Texts of further train queries: they teach the router's classifiers which words belong to the domain. @default none */
  readonly lessons?: readonly string[]
  /** Sentences of the set's documents: they teach the classifiers words of the domain that its queries happen not to use. @default none */
  readonly passages?: readonly string[]
  /** How much one of its queries teaches the classifiers, beside one of another set. @default 1 */
  readonly weight?: number
  /** Selects the set's own documents: queries are then scored over them alone as well as over the whole collection. */
  readonly filter?: Filter
}

export interface BuildPilotsOptions {
  readonly sets: readonly PilotSet[]
  /** All experts, the general one among them. */
  readonly experts: readonly Expert[]
  /** @default 'general' */
  readonly general?: string
  /** What the router sees of a query. */
  readonly base: Encoder
  /** Searches the collection: the experts' spaces, and BM25. */
  readonly search: Store['search']
  /**
   * Whose pilot a query becomes: its set's expert, or (the paper) the one that answers it best, ties going to its set's.
   * @default 'domain', which routed better: by 0.1 points of nDCG@10 on dev queries with lessons, 0.3 without
   */
  readonly labels?: 'domain' | 'best'
  /** Leave out queries that all experts answer equally well (half of them), as hygiene for `best` labels. Of domains they do teach something. @default false */
  readonly dropTies?: boolean
  /** Queries of each set that are scored; the others are pilots only. @default 300 */
  readonly scoredPerSet?: number
  /** Of those, scored over the set's own documents as well. @default 100 */
  readonly alonePerSet?: number
  /**
   * BM25's share for queries that fall back, in [0, 1]. Not fitted, as held-out queries are of domains the base knows.
   * @default 0.9, the best on development queries of seven sets that no bundled model has seen
   */
  readonly fallbackLexicalWeight?: number
  /** Mixes the queries of a set, whose neighbours are often alike. @default 1 */
  readonly seed?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: TrainingProgress) => void
}

/** What `saveRouter` and a pack's `calibration` take, and how it does on the held-out queries. */
export type BuiltPilots = FittedRouting

/** Queries searched at once. */
const block = 64
/** Candidates of each expert and of BM25. */
const depth = 50

/**
 * Scores held-out queries under every expert and BM25, learns a router from them, and fits its thresholds, its confidence and BM25's
 * shares to the scores. Deterministic.
 * @throws InvalidArgumentError, UnknownExpertError
 */
export async function buildPilots(options: BuildPilotsOptions): Promise<BuiltPilots> {
  const { general = 'general', base, labels = 'domain', dropTies = false, fallbackLexicalWeight = 0.9, seed = 1, signal } = options
  const sets = options.sets.map((set) => ({
    ...set,
    queries: shuffled(set.queries, random(seed, 1)),
    lessons: shuffled(set.lessons ?? [], random(seed, 2)),
    passages: shuffled(set.passages ?? [], random(seed, 3)),
  }))
  const experts = options.experts.filter(isDense)
  const names = experts.map(({ name }) => name)
  for (const name of [general, ...sets.map(({ expert }) => expert)]) if (!names.includes(name)) throw new UnknownExpertError(name, names)
  if (sets.every(({ queries }) => queries.length === 0)) throw new InvalidArgumentError('sets', 'has no held-out queries')

  const clock = startClock(sets.reduce((sum, { queries }) => sum + queries.length, 0))
  let done = 0
  const groups: QueryGroup[] = []
  for (const set of sets) {
    const vectors = await base.encode(
      set.queries.map(({ text }) => text),
      signal && { signal },
    )
    const found = await searchSet(set, experts, options, (queries) => {
      done += queries
      options.onProgress?.({ ...clock(done), stage: `search ${set.name}` })
    })
    const queries = set.queries.map(({ text }, i): HeldOutQuery => ({ text, vector: vectors[i]!, found: found[i]! }))
    const { name, expert, lessons, passages, weight = 1 } = set
    groups.push({ set: name, expert, queries, lessons, passages, weight })
  }
  const labelled = labels === 'domain' && !dropTies ? groups : relabelled(groups, names, general, labels, dropTies)
  options.onProgress?.({ ...clock(done), stage: 'fit' })
  return fitRouting({
    groups: labelled,
    experts: names,
    general,
    fallbackLexicalWeight,
    pairs: await twoDomains(labelled, base),
    ...(signal && { signal }),
  })
}

/** Searches with every expert's vector of every query, over the whole collection and over the set alone. */
async function searchSet(
  { queries, filter }: PilotSet,
  experts: readonly Extract<Expert, { documentEncoder: Encoder }>[],
  { search, signal, scoredPerSet = 300, alonePerSet = 100 }: BuildPilotsOptions,
  onBlock: (queries: number) => void,
): Promise<Found[][]> {
  const found: Found[][] = queries.map(() => [])
  for (let from = 0; from < queries.length; from += block) {
    const part = queries.slice(from, from + block)
    const scored = part.flatMap(({ text, grades }, i) => (grades && from + i < scoredPerSet ? { text, grades, place: from + i } : []))
    const vectors = await Promise.all(
      experts.map(({ queryEncoder }) =>
        queryEncoder.encode(
          scored.map(({ text }) => text),
          signal && { signal },
        ),
      ),
    )
    const query = (i: number): StoreQuery => ({
      vectors: experts.map(({ documentEncoder }, e) => ({ space: documentEncoder.id, vector: vectors[e]![i]! })),
      text: scored[i]!.text,
      topK: depth,
    })
    const everywhere = scored.map((_, i) => query(i))
    const alone = filter ? everywhere.filter((_, i) => from + i < alonePerSet).map((one) => ({ ...one, filter })) : []
    const results = await search([...everywhere, ...alone], signal && { signal })
    results.forEach((result, r) => {
      const i = r % scored.length
      const { grades, place } = scored[i]!
      found[place]!.push({ result, score: (ranked) => ndcg(grades, ranked, 10) })
    })
    onBlock(part.length)
  }
  return found
}

/** Moves queries to the expert that answers them best, and drops those that all answer alike, as asked. */
function relabelled(
  groups: readonly QueryGroup[],
  names: readonly string[],
  general: string,
  labels: 'domain' | 'best',
  dropTies: boolean,
): QueryGroup[] {
  return groups.flatMap((group) => {
    const byExpert = new Map<string, HeldOutQuery[]>()
    for (const query of group.queries) {
      const scores = names.map((_, e) => query.found.reduce((sum, one) => sum + scoreUnder(one, e), 0))
      const routed = scores.filter((_, e) => names[e] !== general)
      const most = Math.max(...routed)
      if (dropTies && query.found.length > 0 && routed.every((score) => score === most)) continue
      const own = scores[names.indexOf(group.expert)]
      const best = labels === 'domain' || own === most ? group.expert : names.find((name, e) => name !== general && scores[e] === most)!
      byExpert.set(best, [...(byExpert.get(best) ?? []), query])
    }
    return [...byExpert].map(([expert, queries]): QueryGroup => ({
      ...group,
      expert,
      queries,
      lessons: expert === group.expert ? group.lessons : [],
      passages: expert === group.expert ? (group.passages ?? []) : [],
    }))
  })
}

function scoreUnder({ result, score }: Found, expert: number): number {
  const ranked = [...result.candidates].sort((a, b) => b.similarities[expert]! - a.similarities[expert]! || (a.id < b.id ? -1 : 1))
  return score(ranked.slice(0, 10).map(({ id }) => id))
}

/** Questions that name two domains, one after the other: each domain with each other, from queries no router half has seen. */
async function twoDomains(groups: readonly QueryGroup[], base: Encoder) {
  const each = 6
  const pairs: { text: string; experts: readonly [string, string]; parity: 0 | 1 }[] = []
  groups.forEach((a, g) =>
    groups.slice(g + 1).forEach((b) => {
      if (a.expert === b.expert) return
      for (let i = 0; i < Math.min(each, a.queries.length, b.queries.length); i++) {
        const [first, second] = i % 4 < 2 ? [a, b] : [b, a]
        const text = `${first.queries[i]!.text} ${i % 3 === 0 ? 'and' : 'and also'} ${second.queries[i]!.text}`
        pairs.push({ text, experts: [a.expert, b.expert], parity: (i % 2) as 0 | 1 })
      }
    }),
  )
  const vectors: Vector[] = await base.encode(pairs.map(({ text }) => text))
  return pairs.map((pair, i) => ({ ...pair, vector: vectors[i]! }))
}
