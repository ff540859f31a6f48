import type { Encoder } from './encoder/encoder.ts'
import type { Engine, Retrieval } from './engine.ts'
import { createEngine } from './engine/create.ts'
import type { AskedSystem } from './eval/ask.ts'
import { costOf, lexicalCost } from './eval/costs.ts'
import { remembering } from './eval/remembered.ts'
import { engineSystem } from './eval/systems.ts'
import { isDense } from './expert/expert.ts'
import { generalName, type LoadedPack } from './load-pack.ts'
import { defaultRouter, expertSystem, multiTaskExpert, multiTaskName } from './pack-systems.ts'
import type { Route, Router } from './routing/router.ts'
import { exactStore } from './store/exact.ts'
import type { SearchThreads } from './store/exact/threads.ts'
import type { Vector } from './vector.ts'

/** Documents under a pack, to be asked the same questions by many systems: what they have in common is done once. */
export interface PackCollection {
  readonly engine: Engine
  /** @param name Any of `packSystems` but the oracles. */
  system(name: string): AskedSystem
  /** Encodes texts under the experts of these systems and searches with all of them at once, so that the systems find it done. */
  prepare(texts: readonly string[], systems: readonly AskedSystem[], signal?: AbortSignal): Promise<void>
  /** The default router's decision. */
  route(text: string): Promise<Route>
  /** Base vectors, as routers see them. */
  vectors(texts: readonly string[]): Promise<Vector[]>
  close(): Promise<void>
}

export interface PackCollectionOptions {
  /** Hits of each expert that are searched for ahead. */
  readonly depth: number
  /** Routers that were learned, by the names of their systems. */
  readonly routers?: ReadonlyMap<string, Router>
  /** What embeds documents in an encoder's place, under the same id: one that remembers. */
  readonly embedder?: (encoder: Encoder) => Encoder
}

type AskHow = Parameters<AskedSystem['ask']>[1]

/** An empty collection. */
export function packCollection(
  pack: LoadedPack,
  threads: SearchThreads,
  { depth, routers: learned, embedder = (encoder) => encoder }: PackCollectionOptions,
): PackCollection {
  const remember = remembering()
  const store = exactStore({ threads, ...(pack.lexical && { lexical: pack.lexical }) })
  const base = remember.encoder(pack.base)
  const experts = pack.experts.map((expert) => {
    const one = remember.expert(expert)
    return isDense(one) ? { ...one, documentEncoder: embedder(one.documentEncoder) } : one
  })
  const byName = new Map(experts.map((expert) => [expert.name, expert]))
  const engineWith = (router: Router): Engine =>
    createEngine({ base, experts, general: generalName, router, fusion: pack.fusion, store, owned: [] })
  const engine = engineWith(remember.router(pack.router))
  const routed = new Map<string, Engine>([
    ['routed', engine],
    [defaultRouter, engine],
  ])
  for (const [name, one] of learned ?? []) routed.set(name, engineWith(one))
  const multiTask = multiTaskExpert(pack)
  /** Answers of single experts to the texts of a block, which several routers ask for. */
  const answered = new WeakMap<readonly string[], Map<string, (Retrieval | undefined)[]>>()

  /** What an expert answers to the texts in these places, asked once. */
  const askExpert = async (expert: string, texts: readonly string[], places: readonly number[], how: AskHow): Promise<Retrieval[]> => {
    const block = answered.get(texts) ?? new Map<string, (Retrieval | undefined)[]>()
    answered.set(texts, block)
    const known = block.get(expert) ?? []
    block.set(expert, known)
    const missing = places.filter((place) => known[place] === undefined)
    const asked = missing.map((place) => texts[place]!)
    const answers = missing.length === 0 ? [] : await engine.retrieveMany(asked, { expert, lexicalWeight: 0, ...how })
    missing.forEach((place, i) => (known[place] = answers[i]!))
    return places.map((place) => known[place]!)
  }

  /** An answer under a route to one expert is that expert's answer; the engine makes the others. */
  const askRouter = async (asked: Engine, texts: readonly string[], how: AskHow): Promise<Retrieval[]> => {
    // The engine's own routes, which may take the collection into account.
    const routes = await Promise.all(texts.map((text) => asked.route(text, { lexicalWeight: 0 })))
    const places = new Map<string | undefined, number[]>()
    for (const [place, { experts: whom }] of routes.entries()) {
      const alone = whom.length === 1 && byName.has(whom[0]!.name) ? whom[0]!.name : undefined
      places.set(alone, [...(places.get(alone) ?? []), place])
    }
    const answers: Retrieval[] = []
    for (const [expert, own] of places) {
      if (expert !== undefined) {
        const found = await askExpert(expert, texts, own, how)
        own.forEach((place, i) => (answers[place] = { ...found[i]!, route: routes[place]! }))
      } else {
        const others = own.map((place) => texts[place]!)
        const found = await asked.retrieveMany(others, { lexicalWeight: 0, ...how })
        own.forEach((place, i) => (answers[place] = found[i]!))
      }
    }
    return answers
  }

  const costBy =
    (routed: boolean) =>
    (route: Route): ReturnType<typeof costOf> =>
      costOf(route, { experts: byName, base: pack.base, routed })

  const askingExpert = (name: string, expert: string): AskedSystem => ({
    name,
    cost: costBy(false),
    ask: (texts, how) => askExpert(expert, texts, [...texts.keys()], how),
  })

  const askingRouter = (name: string, asked: Engine): AskedSystem => ({
    name,
    routed: true,
    ...(name === 'routed' && { counts: 'routes' }),
    cost: costBy(true),
    ask: (texts, how) => askRouter(asked, texts, how),
  })

  return {
    engine,

    system(name) {
      if (routed.has(name)) return askingRouter(name, routed.get(name)!)
      if (name === multiTaskName && multiTask !== undefined) return askingExpert(name, multiTask)
      const forced = name === generalName ? name : /^expert:(.*)$/.exec(name)?.[1]
      if (forced !== undefined && byName.has(forced)) return askingExpert(name, forced)
      const system = engineSystem(name, engine, [...byName.keys()])
      return { ...system, cost: name === 'bm25' ? () => lexicalCost : costBy(true) }
    },

    async prepare(texts, systems, signal) {
      const names = systems.map(({ name }) => name)
      const wanted = experts
        .filter(isDense)
        .filter(({ name }) => names.includes(expertSystem(name)) || (name === multiTask && names.includes(multiTaskName)))
      const options = signal && { signal }
      const baseVectors = await base.encode(texts, options)
      const vectors = await Promise.all(
        wanted.map((expert) => (expert.kind === 'adapter' ? baseVectors.map(expert.adapt) : expert.queryEncoder.encode(texts, options))),
      )
      const dense = texts.map((_, i) => ({
        vectors: wanted.map(({ documentEncoder }, e) => ({ space: documentEncoder.id, vector: vectors[e]![i]! })),
        topK: depth,
      }))
      const words = names.some((name) => name.includes('bm25'))
      // BM25 scores what it will be fused with, which is far less than what all experts find.
      const routes = words ? await Promise.all(texts.map((text) => engine.route(text))) : []
      const fused = routes.map((route, i) => {
        const text = texts[i]!
        const partners = new Set([generalName, ...route.experts.map(({ name }) => name)])
        return { vectors: dense[i]!.vectors.filter((_, e) => partners.has(wanted[e]!.name)), text, topK: depth }
      })
      const queries = [...(wanted.length > 0 ? dense : []), ...fused]
      await store.prepare(queries, options)
    },

    route: (text) => engine.route(text),

    vectors: (texts) => base.encode(texts),

    async close() {
      await engine.close()
      await store.close()
    },
  }
}
