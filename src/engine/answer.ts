import { performance } from 'node:perf_hooks'
import type { Hit, Retrieval, RetrieveOptions } from '../engine.ts'
import { isDense } from '../expert/expert.ts'
import type { Encoder } from '../encoder/encoder.ts'
import type { FusedHit, Fusion } from '../routing/fusion.ts'
import type { Route } from '../routing/router.ts'
import type { Store, StoreQuery } from '../store/store.ts'
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
  const baseVectors = await base.encode(texts, {
    ...(signal && { signal }),
    onTruncated: ({ index }) => void (truncated[index] = true),
  })

  const embedded = performance.now()
  const routes = texts.map((text, i) => decide(roster, { text, vector: baseVectors[i]!, ...(survey && { survey }) }, options))
  const routed = performance.now()

  const asked = routes.map((route) => effective(roster, route))
  const expertVectors = await expertQueries(roster, base, asked, texts, baseVectors, signal)
  const fetchK = diversity ? (diversity.fetchK ?? Math.max(20, 4 * topK)) : topK
  const plan = texts.map((text, i) => storeQuery(roster, asked[i]!, text, expertVectors[i]!, fetchK, filter))
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
  const documents = await fetchDocuments(store, chosen, signal)

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
  }
}

async function fetchDocuments(store: Store, chosen: readonly (readonly FusedHit[])[], signal: AbortSignal | undefined): Promise<Hit[][]> {
  const ids = [...new Set(chosen.flat().map(({ id }) => id))]
  const stored = ids.length === 0 ? [] : await store.get(ids, signal && { signal })
  const byId = new Map(ids.map((id, i) => [id, stored[i]?.document]))
  return chosen.map((hits) =>
    hits.flatMap(({ id, score, similarity, lexical, expert }) => {
      // A document deleted since the search is no longer an answer.
      const document = byId.get(id)
      return document ? [{ document, score, similarity, lexical, expert }] : []
    }),
  )
}
