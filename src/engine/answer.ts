import { performance } from 'node:perf_hooks'
import type { Hit, Retrieval, RetrieveOptions } from '../engine.ts'
import { isDense } from '../expert/expert.ts'
import type { Encoder } from '../encoder/encoder.ts'
import type { FusedHit, Fusion } from '../routing/fusion.ts'
import type { Route } from '../routing/router.ts'
import type { Store, StoreQuery, StoreResult } from '../store/store.ts'
import type { Document } from '../document.ts'
import { isZero, type Vector } from '../vector.ts'
import { diversify } from './diversify.ts'
import { checkRetrieveOptions, queryText } from './check.ts'
import { candidates, decide, type Roster } from './roster.ts'
import type { Surveyor } from './surveyor.ts'

/** Candidates each part of a search brings to fusion, at least: deep enough that what only both parts together favour is among them. */
const minCandidates = 50

export interface AnswerParts {
  readonly base: Encoder
  readonly store: Store
  readonly fusion: Fusion
  readonly surveys: Surveyor
}

/** The life of a query, for many at once: embed, route, ask the experts, search, fuse, fetch. */
export async function answer(
  parts: AnswerParts,
  roster: Roster,
  queries: readonly string[],
  options: RetrieveOptions,
): Promise<Retrieval[]> {
  const { topK = 10, filter, minSimilarity = -1, diversity, signal } = options
  checkRetrieveOptions(options)
  const { base, store, fusion, surveys } = parts
  candidates(roster, options)
  signal?.throwIfAborted()
  // Before the clock: the first question after many documents came waits for it, the others find it done.
  const survey = queries.length > 0 ? await surveys.survey(roster.router) : undefined

  const start = performance.now()
  const prepared = queries.map(queryText)
  const texts = prepared.map(({ text }) => text)
  const truncated = prepared.map(({ cut }) => cut)
  const habit = habits.get(roster)
  if (habit?.slow && topK > 0 && (options.lexicalWeight ?? (habit.words ? 1 : 0)) > 0) store.expect?.(texts)
  const baseVectors = await base.encode(texts, {
    ...(signal && { signal }),
    onTruncated: ({ index }) => void (truncated[index] = true),
  })

  const embedded = performance.now()
  const routes = texts.map((text, i) => decide(roster, { text, vector: baseVectors[i]!, ...(survey && { survey }) }, options))
  const routed = performance.now()

  const asked = routes.map((route) => effective(roster, route))
  if (texts.length > 0) {
    const words = options.lexicalWeight === undefined ? asked.some(({ lexicalWeight }) => lexicalWeight > 0) : (habit?.words ?? true)
    habits.set(roster, { words, slow: embedded - start > worthTelling })
  }
  const expertVectors = await expertQueries(roster, base, asked, texts, baseVectors, signal)
  const fetchK = diversity ? (diversity.fetchK ?? Math.max(20, 4 * topK)) : topK
  const plan = texts.map((text, i) => storeQuery(roster, asked[i]!, text, expertVectors[i]!, fetchK, filter, diversity ? 0 : topK))
  const results = topK === 0 || plan.length === 0 ? plan.map(() => undefined) : await store.search(plan, signal && { signal })

  const chosen = await Promise.all(
    results.map(async (result, i) => {
      if (!result) return []
      const lexicalOnly = asked[i]!.lexicalWeight === 1
      const lexicalExpert = asked[i]!.experts.length === 0 ? routes[i]!.experts[0]!.name : undefined
      const hits = fusion(result, asked[i]!)
        .map((hit) => (lexicalExpert === undefined ? hit : { ...hit, expert: lexicalExpert }))
        .filter((hit) => hit.similarity >= minSimilarity && !(lexicalOnly && hit.lexical === 0))
      const space = plan[i]!.vectors[0]?.space
      return diversity && space !== undefined ? diversify(hits.slice(0, fetchK), topK, diversity, store, space) : hits.slice(0, topK)
    }),
  )
  const documents = await fetchDocuments(store, chosen, results, signal)

  const end = performance.now()
  const share = 1 / Math.max(1, queries.length)
  const timings = {
    embed: (embedded - start) * share,
    route: (routed - embedded) * share,
    search: (end - routed) * share,
    total: (end - start) * share,
  }
  return queries.map((query, i) => ({ query, hits: documents[i]!, route: routes[i]!, timings, truncated: truncated[i]! }))
}

/** What the last questions to a roster were like: whether routes left BM25 a share, and whether embedding took long. The next will hardly differ. */
const habits = new WeakMap<Roster, { readonly words: boolean; readonly slow: boolean }>()
/** Milliseconds of embedding from which on the store is told what will be asked. A static table takes a twentieth: telling takes as long, and gained nothing. */
const worthTelling = 1

/** The route as fusion sees it: dense experts only, a lexical expert's weight given to BM25. */
function effective(roster: Roster, route: Route): Route {
  const dense = route.experts.filter(({ name }) => isDense(roster.experts.get(name)!))
  if (dense.length === route.experts.length) return route
  const share = dense.reduce((sum, { weight }) => sum + weight, 0)
  return {
    ...route,
    experts: dense.map(({ name, weight }) => ({ name, weight: weight / share })),
    lexicalWeight: 1 - (1 - route.lexicalWeight) * share,
  }
}

/** Vectors of every query under each of its dense experts. Texts that need another pass are gathered into one pass an encoder. */
async function expertQueries(
  roster: Roster,
  base: Encoder,
  routes: readonly Route[],
  texts: readonly string[],
  baseVectors: readonly Vector[],
  signal: AbortSignal | undefined,
): Promise<Vector[][]> {
  const vectors: Vector[][] = routes.map(() => [])
  const passes = new Map<string, { encoder: Encoder; slots: { query: number; position: number }[] }>()
  routes.forEach((route, query) =>
    route.experts.forEach(({ name }, position) => {
      const expert = roster.experts.get(name)!
      if (!isDense(expert)) return
      if (expert.kind === 'adapter') vectors[query]![position] = expert.adapt(baseVectors[query]!)
      else if (expert.queryEncoder.id === base.id) vectors[query]![position] = baseVectors[query]!
      else {
        const pass = passes.get(expert.queryEncoder.id) ?? { encoder: expert.queryEncoder, slots: [] }
        pass.slots.push({ query, position })
        passes.set(expert.queryEncoder.id, pass)
      }
    }),
  )
  await Promise.all(
    [...passes.values()].map(async ({ encoder, slots }) => {
      const encoded = await encoder.encode(
        slots.map(({ query }) => texts[query]!),
        signal && { signal },
      )
      slots.forEach(({ query, position }, i) => void (vectors[query]![position] = encoded[i]!))
    }),
  )
  return vectors
}

function storeQuery(
  roster: Roster,
  route: Route,
  text: string,
  vectors: readonly Vector[],
  fetchK: number,
  filter: RetrieveOptions['filter'],
  hits: number,
): StoreQuery {
  const parts = route.experts.map(({ name }, i) => {
    const expert = roster.experts.get(name)!
    return { space: isDense(expert) ? expert.documentEncoder.id : '', vector: vectors[i]! }
  })
  const lexical = route.lexicalWeight > 0 || parts.every(({ vector }) => isZero(vector))
  return {
    vectors: parts,
    ...(lexical && { text }),
    topK: Math.max(minCandidates, 2 * fetchK),
    ...(filter && { filter }),
    // One part alone orders candidates as fusion will; of several, which documents are wanted shows only then.
    ...(!lexical && parts.length === 1 && { documents: hits }),
  }
}

/** Documents came with the search, or are asked for now. */
async function fetchDocuments(
  store: Store,
  chosen: readonly (readonly FusedHit[])[],
  results: readonly (StoreResult | undefined)[],
  signal: AbortSignal | undefined,
): Promise<Hit[][]> {
  const found = results.map((result) => new Map(result?.documents?.map((document) => [document.id, document])))
  const missing = [...new Set(chosen.flatMap((hits, i) => hits.flatMap(({ id }) => (found[i]!.has(id) ? [] : id))))]
  const stored = missing.length === 0 ? [] : await store.get(missing, signal && { signal })
  const fetched = new Map<string, Document | undefined>(missing.map((id, i) => [id, stored[i]?.document]))
  return chosen.map((hits, i) =>
    hits.flatMap(({ id, score, similarity, lexical, expert }) => {
      // A document deleted since the search is no longer an answer.
      const document = found[i]!.get(id) ?? fetched.get(id)
      return document ? [{ document, score, similarity, lexical, expert }] : []
    }),
  )
}
