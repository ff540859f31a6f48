import type { Engine } from './engine.ts'
import { createEngine } from './engine/create.ts'
import type { AskedSystem } from './eval/ask.ts'
import { remembering } from './eval/remembered.ts'
import { distinct, engineSystem, optionsOf, systemNames } from './eval/systems.ts'
import { isDense } from './expert/expert.ts'
import { generalName, type LoadedPack } from './load-pack.ts'
import { paperRouters } from './routing/paper-routers.ts'
import type { Router } from './routing/router.ts'
import { exactStore } from './store/exact.ts'
import type { SearchThreads } from './store/exact/threads.ts'

/** Documents under a pack, to be asked the same questions by many systems: what they have in common is done once. */
export interface PackCollection {
  readonly engine: Engine
  /** @param name Any of `packSystems` but the oracles. */
  system(name: string): AskedSystem
  /** Encodes texts under the experts of these systems and searches with all of them at once, so that the systems find it done. */
  prepare(texts: readonly string[], systems: readonly AskedSystem[], signal?: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** Names of all systems of a pack, in the order they are reported. */
export function packSystems(pack: LoadedPack): string[] {
  const experts = pack.experts.filter(({ name }) => name !== generalName)
  return [...systemNames, ...experts.map(({ name }) => expertSystem(name)), ...routerSystems(pack).keys(), ...oracles]
}

/** The systems asked for, each once. @throws InvalidArgumentError, UnknownExpertError */
export function checkPackSystems(pack: LoadedPack, names: readonly string[] = packSystems(pack)): string[] {
  const further = [...routerSystems(pack).keys(), ...oracles]
  const experts = pack.experts.map(({ name }) => name)
  return distinct(names).filter((name) => further.includes(name) || optionsOf(name, experts, further))
}

/** Name of the system that asks one expert throughout. */
export function expertSystem(name: string): string {
  return name === generalName ? generalName : `expert:${name}`
}

const oracles = ['oracle:set', 'oracle:query']

/** An empty collection. @param depth Hits of each expert that are searched for ahead. */
export function packCollection(pack: LoadedPack, threads: SearchThreads, depth: number): PackCollection {
  const remember = remembering()
  const store = exactStore({ threads, ...(pack.lexical && { lexical: pack.lexical }) })
  const base = remember.encoder(pack.base)
  const experts = pack.experts.map((expert) => remember.expert(expert))
  const engineWith = (router: Router): Engine =>
    createEngine({ base, experts, general: generalName, router: remember.router(router), fusion: pack.fusion, store, owned: [] })
  const engine = engineWith(pack.router)
  const routers = routerSystems(pack)

  return {
    engine,

    system(name) {
      const router = routers.get(name)
      if (!router)
        return engineSystem(
          name,
          engine,
          pack.experts.map((expert) => expert.name),
        )
      const routed = engineWith(router)
      return { name, ask: (texts, how) => routed.retrieveMany(texts, { lexicalWeight: 0, ...how }) }
    },

    async prepare(texts, systems, signal) {
      const names = systems.map(({ name }) => name)
      const asked = experts.filter(isDense).filter(({ name }) => names.includes(expertSystem(name)))
      const options = signal && { signal }
      const baseVectors = await base.encode(texts, options)
      const vectors = await Promise.all(
        asked.map((expert) => (expert.kind === 'adapter' ? baseVectors.map(expert.adapt) : expert.queryEncoder.encode(texts, options))),
      )
      const words = names.some((name) => name.includes('bm25'))
      if (asked.length === 0 && !words) return
      const queries = texts.map((text, i) => ({
        vectors: asked.map(({ documentEncoder }, e) => ({ space: documentEncoder.id, vector: vectors[e]![i]! })),
        ...(words && { text }),
        topK: depth,
      }))
      await store.prepare(queries, options)
    },

    async close() {
      await engine.close()
      await store.close()
    },
  }
}

/** The pack's own router, and the paper's over its pilots. */
function routerSystems({ router }: LoadedPack): Map<string, Router> {
  const paper = paperRouters(router)
  return new Map<string, Router>([
    ['router:default', router],
    ...(paper
      ? ([
          ['router:pilot-mean', paper.mean],
          ['router:pilot-max', paper.max],
        ] as const)
      : []),
  ])
}
