import { isZero, type Vector } from '../../vector.ts'
import { topK } from '../top-k.ts'
import { arena, type Arena } from './arena.ts'
import { breadthFor, isOutdated, type Breadth } from './breadth.ts'
import { graph as newGraph, type Graph } from './graph.ts'
import { measureBreadth, probeCount } from './measure-breadth.ts'
import { planner as newPlanner, type Plan, type Planner, type PlanSizes } from './planner.ts'
import { seededRandom } from './random.ts'
import { reservoir } from './reservoir.ts'
import { rowsOf, type RowSet } from './row-set.ts'

/** The vectors of one document encoder: exact by scan, fast by graph, and always up to date. */
export interface Space {
  readonly number: number
  readonly name: string
  readonly dimensions: number
  readonly arena: Arena
  readonly graph: Graph | undefined
  set(row: number, vector: Vector): void
  delete(row: number): void
  /** The `k` rows nearest by cosine, best first, ties by `precedes`. */
  search(query: Vector, k: number, allowed: RowSet | undefined, precedes: (a: number, b: number) => boolean): number[]
  /** Looks ahead for searches of `k` rows that follow with the same query objects and no filter: several together take less time than each alone. */
  prepare(queries: readonly Vector[], k: number): void
  /** Builds the graph, then measures how broadly it must be searched, for some milliseconds; returns whether there is more to do. */
  work(milliseconds: number): boolean
  /** Takes a loaded graph; rows that are missing in it, or `stale`, are added by `work`. */
  adopt(loaded: Graph, stale: readonly number[]): void
  dispose(): void
}

export interface SpaceOptions {
  /** Vectors from which on a graph pays. Below, a scan is as fast and needs no building. */
  readonly graphFrom: number
  /** The share of the nearest that a graph is to find, in (0, 1). */
  readonly recall: number
  readonly expected?: number
  /** @default one that measures */
  readonly planner?: Planner
}

/** Two are as soon looked at alone. */
const fewTogether = 3

export function space(
  number: number,
  name: string,
  dimensions: number,
  { graphFrom, recall, expected, planner = newPlanner() }: SpaceOptions,
): Space {
  const vectors = arena(dimensions, { expected })
  let graph: Graph | undefined
  /** Rows with a vector that the graph does not know yet. Zeros never enter it: they are equally far from everything. */
  const waiting = new Set<number>()
  /** Building failed, for want of memory say: scans answer everything. */
  let failed = false
  /** Milliseconds that looking ahead took for each of these queries. */
  const ahead = new Map<Vector, number>()
  const asked = reservoir(probeCount, seededRandom(number))
  let measuring: Generator<void, Breadth, void> | undefined

  const wanted = (): boolean => vectors.size >= (graph ? graphFrom / 2 : graphFrom)
  const drop = (): void => {
    graph?.dispose()
    graph = undefined
    measuring = undefined
    waiting.clear()
  }
  const start = (): void => {
    drop()
    graph = newGraph(dimensions)
    for (const row of vectors.rows()) if (!vectors.isZero(row)) waiting.add(row)
  }

  const sizesFor = (allowed: RowSet | undefined): PlanSizes => ({
    vectors: vectors.size,
    allowed: allowed ? Math.min(allowed.size, vectors.size) : vectors.size,
    waiting: waiting.size,
    dimensions,
    breadth: (fetch) => breadthFor(fetch, graph?.breadth),
  })
  const planFor = (sizes: PlanSizes, k: number, ahead?: boolean): Plan => (graph ? planner.choose(sizes, k, ahead) : { kind: 'scan' })

  return {
    number,
    name,
    dimensions,
    arena: vectors,
    get graph() {
      return graph
    },
    set(row, vector) {
      vectors.set(row, vector)
      if (!graph) return
      graph.delete(row)
      if (isZero(vector)) waiting.delete(row)
      else waiting.add(row)
    },
    delete(row) {
      vectors.delete(row)
      graph?.delete(row)
      waiting.delete(row)
    },

    search(query, k, allowed, precedes) {
      if (k === 0 || vectors.size === 0 || isZero(query)) return []
      asked.offer(query)
      const best = topK<number>(k, precedes)
      const scan = (): number[] => {
        const few = allowed && allowed.size < vectors.size / 2
        vectors.scan(query, few ? rowsOf(allowed) : undefined, few ? undefined : allowed, best)
        return best.take()
      }
      const sizes = sizesFor(allowed)
      const plan = planFor(sizes, k)
      const begun = performance.now()
      const measured = (rows: number[]): number[] => {
        planner.took(plan, sizes, k, performance.now() - begun + (ahead.get(query) ?? 0))
        return rows
      }
      if (plan.kind === 'scan' || !graph) return measured(scan())

      vectors.scan(query, Int32Array.from(graph.nearest(query, plan.fetch)), allowed, best)
      if (waiting.size > 0) vectors.scan(query, Int32Array.from(waiting), allowed, best)
      const enough = best.threshold() > 0
      const found = best.take()
      // Short of k, or down to where zeros belong: only a scan knows the rest.
      return enough ? measured(found) : scan()
    },

    prepare(queries, k) {
      ahead.clear()
      const those = queries.filter((query) => !isZero(query))
      if (those.length < fewTogether || vectors.size === 0 || planFor(sizesFor(undefined), k, true).kind !== 'scan') return
      const begun = performance.now()
      vectors.prepare(those)
      const each = (performance.now() - begun) / those.length
      for (const query of those) ahead.set(query, each)
    },

    work(milliseconds) {
      if (failed) return false
      try {
        if (!wanted()) drop()
        else if (!graph || (graph.waste > 1 / 3 && graph.size > 1000)) start()
        if (!graph) return false
        const end = performance.now() + milliseconds
        for (const row of waiting) {
          if (performance.now() >= end) return true
          graph.set(row, vectors.get(row)!)
          waiting.delete(row)
        }
        if (!measuring && isOutdated(graph, recall, asked.vectors.length, probeCount))
          measuring = measureBreadth({ arena: vectors, graph, asked: [...asked.vectors], recall })
        while (measuring) {
          if (performance.now() >= end) return true
          const { done, value } = measuring.next()
          if (!done) continue
          graph.breadth = value
          measuring = undefined
        }
      } catch {
        failed = true
        drop()
      }
      return false
    },

    adopt(loaded, stale) {
      drop()
      graph = loaded
      for (const row of stale) graph.delete(row)
      for (const row of vectors.rows()) if (!graph.has(row) && !vectors.isZero(row)) waiting.add(row)
    },

    dispose: drop,
  }
}
