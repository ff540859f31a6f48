import { describe, expect, it } from 'vitest'
import { breadthFor } from '../../src/store/embedded/breadth.ts'
import { graph, loadGraph } from '../../src/store/embedded/graph.ts'
import { planner, type Planner } from '../../src/store/embedded/planner.ts'
import { rowSet, type RowSet } from '../../src/store/embedded/row-set.ts'
import { space, type Space } from '../../src/store/embedded/space.ts'
import type { Vector } from '../../src/vector.ts'
import { dimensions, library, questions } from './library.ts'
import { temporaryDirectory } from './temporary.ts'

const vectors = library(20_000).map((entry) => entry.vectors['base']!)
const precedes = (a: number, b: number): boolean => a < b

/** Asks the graph whatever a scan would cost, but about too few to be found there. */
const graphFirst: Planner = {
  choose(sizes, k) {
    const fetch = sizes.allowed === sizes.vectors ? k : Math.ceil((1.5 * k * sizes.vectors) / Math.max(1, sizes.allowed) + 16)
    return fetch < sizes.vectors / 4 ? { kind: 'graph', fetch } : { kind: 'scan' }
  },
  took: () => undefined,
}

function filled(graphFrom: number, count = vectors.length): Space {
  const filledSpace = space(1, 'base', dimensions, { graphFrom, recall: 0.99, planner: graphFirst })
  vectors.slice(0, count).forEach((vector, row) => filledSpace.set(row, vector))
  while (filledSpace.work(100));
  return filledSpace
}

function recall(approximate: Space, exact: Space, k: number, allowed: RowSet | undefined, queries: readonly Vector[]): number {
  let found = 0
  let wanted = 0
  for (const query of queries) {
    const truth = exact.search(query, k, allowed, precedes)
    const got = new Set(approximate.search(query, k, allowed, precedes))
    wanted += truth.length
    found += truth.filter((row) => got.has(row)).length
    expect(got.size).toBe(truth.length)
  }
  return found / wanted
}

describe('a graph', () => {
  const exact = filled(Infinity)
  const approximate = filled(1000)
  const queries = questions(50)

  it('is built in slices, from the size that was asked on', () => {
    const growing = space(1, 'base', dimensions, { graphFrom: 1000, recall: 0.99 })
    vectors.slice(0, 999).forEach((vector, row) => growing.set(row, vector))
    expect(growing.work(1)).toBe(false)
    expect(growing.graph).toBeUndefined()

    vectors.slice(999, 3000).forEach((vector, row) => growing.set(999 + row, vector))

    expect(growing.work(1)).toBe(true)
    expect(growing.graph!.size).toBeGreaterThan(0)
    expect(growing.graph!.size).toBeLessThan(3000)
    // Meanwhile answers are those of the scan.
    expect(recall(growing, filled(Infinity, 3000), 10, undefined, queries)).toBe(1)
    growing.dispose()
  })

  it.each([1, 10, 100])('finds at least 0.95 of the %d nearest', (k) => {
    expect(approximate.graph!.size).toBe(20_000)

    expect(recall(approximate, exact, k, undefined, queries)).toBeGreaterThanOrEqual(0.95)
  })

  it.each([0.0005, 0.001, 0.01, 0.05, 0.1, 0.3, 0.5, 0.9, 1])('finds at least 0.95 of the 10 nearest among a share of %d', (share) => {
    const allowed = rowSet(
      [...vectors.keys()].filter((row) => (row * 7919) % 20_000 < share * 20_000),
      20_000,
    )

    expect(recall(approximate, exact, 10, allowed, queries)).toBeGreaterThanOrEqual(0.95)
  })

  it('finds the nearest allowed ones even where all that is near is forbidden', () => {
    const query = queries[0]!
    const near = new Set(exact.search(query, 10_000, undefined, precedes))
    const far = rowSet(
      [...vectors.keys()].filter((row) => !near.has(row)),
      20_000,
    )
    expect(approximate.search(query, 10, far, precedes)).toEqual(exact.search(query, 10, far, precedes))
  })

  it('finds vectors of zeros where they belong: below everything similar, above everything opposite', () => {
    const mixed = filled(1000, 3000)
    mixed.set(3000, new Float32Array(dimensions))
    while (mixed.work(100));
    const query = queries[0]!

    const all = mixed.search(query, 5000, undefined, precedes)

    expect(all).toHaveLength(3001)
    const at = all.indexOf(3000)
    expect(mixed.arena.similarity(query, all[at - 1]!)).toBeGreaterThanOrEqual(0)
    expect(mixed.arena.similarity(query, all[at + 1]!)).toBeLessThanOrEqual(0)
    mixed.dispose()
  })

  it('follows changes and deletions at once', () => {
    const changing = filled(1000, 5000)
    const still = filled(Infinity, 5000)
    for (const each of [changing, still]) {
      for (let row = 0; row < 5000; row += 3) each.delete(row)
      for (let row = 0; row < 5000; row += 5) each.set(row, vectors[10_000 + row]!)
    }

    expect(recall(changing, still, 10, undefined, queries)).toBeGreaterThanOrEqual(0.95)
    while (changing.work(100));
    expect(recall(changing, still, 10, undefined, queries)).toBeGreaterThanOrEqual(0.95)
    changing.dispose()
  })

  it('is built again when too much of it is deleted, and dropped when little is left', () => {
    const shrinking = filled(1000, 5000)
    for (let row = 0; row < 3000; row++) shrinking.delete(row)
    expect(shrinking.graph!.waste).toBeGreaterThan(0.5)

    while (shrinking.work(100));
    expect(shrinking.graph!.waste).toBe(0)
    expect(shrinking.graph!.size).toBe(2000)

    for (let row = 3000; row < 4600; row++) shrinking.delete(row)
    shrinking.work(1)
    expect(shrinking.graph).toBeUndefined()
    expect(shrinking.search(queries[0]!, 1000, undefined, precedes)).toHaveLength(400)
  })

  it('refuses what would end the process, before it reaches native code', () => {
    const small = graph(2)

    expect(() => small.set(1, new Float32Array(3))).toThrow(RangeError)
    expect(() => small.set(1, new Float32Array([NaN, 0]))).toThrow(RangeError)
    expect(small.nearest(new Float32Array([1, 0]), 5)).toEqual([])
    small.set(7, new Float32Array([1, 0]))
    expect(() => small.nearest(new Float32Array([Infinity, 0]), 5)).toThrow(RangeError)
    expect(small.nearest(new Float32Array([1, 0]), 1e9)).toEqual([7])
    small.delete(7)
    small.delete(7)
    expect(small.nearest(new Float32Array([1, 0]), 5)).toEqual([])
    expect(() => small.save(`${temporaryDirectory()}/nowhere/file`)).toThrow()
  })

  it('is the same after it was saved and loaded', () => {
    const path = `${temporaryDirectory()}/graph`
    const original = filled(1000, 3000).graph!
    original.delete(17)

    const detail = original.save(path)
    const loaded = loadGraph(path, dimensions, detail)

    for (const query of queries) expect(loaded.nearest(query, 20)).toEqual(original.nearest(query, 20))
    expect(loaded.has(17)).toBe(false)
    expect(() => loadGraph(path, dimensions, detail.subarray(4))).toThrow()
  })
})

describe('the plan', () => {
  const sizes = { vectors: 200_000, allowed: 200_000, waiting: 0, dimensions: 256, breadth: (fetch: number) => breadthFor(fetch) }

  it('scans few, asks the graph about many', () => {
    expect(planner().choose({ ...sizes, vectors: 100, allowed: 100 }, 10)).toEqual({ kind: 'scan' })
    expect(planner().choose({ ...sizes, allowed: 500 }, 10)).toEqual({ kind: 'scan' })
    expect(planner().choose(sizes, 10)).toEqual({ kind: 'graph', fetch: 10 })
  })

  it('asks for more where a filter will take some away', () => {
    expect(planner().choose({ ...sizes, allowed: 100_000 }, 10)).toEqual({ kind: 'graph', fetch: 46 })
  })

  it('scans while most is waiting for the graph, and when everything is wanted', () => {
    expect(planner().choose({ ...sizes, vectors: 20_000, allowed: 20_000, waiting: 20_000 }, 10)).toEqual({ kind: 'scan' })
    expect(planner().choose(sizes, 200_000)).toEqual({ kind: 'scan' })
    expect(planner().choose(sizes, Infinity)).toEqual({ kind: 'scan' })
  })

  it('learns what each way takes on this machine, and goes back when that changes', () => {
    const learning = planner()
    const graphTakes = (milliseconds: number): void => {
      for (let n = 0; n < 100; n++) learning.took({ kind: 'graph', fetch: 10 }, sizes, 10, milliseconds)
    }

    graphTakes(7)
    expect(learning.choose(sizes, 10).kind).toBe('scan')
    graphTakes(0.2)
    expect(learning.choose(sizes, 10).kind).toBe('graph')
    for (let n = 0; n < 100; n++) learning.took({ kind: 'scan' }, sizes, 10, 0.3)
    graphTakes(3)
    expect(learning.choose(sizes, 10).kind).toBe('scan')
  })

  it('tries a scan now and then where that might be as good, and never where it cannot', () => {
    const tried = (count: number, scanTakes: number): { at: number[]; last: string } => {
      const [learning, at] = [planner(), [] as number[]]
      const these = { ...sizes, vectors: count, allowed: count }
      for (let n = 0; n < 700; n++) {
        expect(learning.choose(these, 10, true).kind).toBe(learning.choose(these, 10, true).kind)
        const plan = learning.choose(these, 10)
        if (plan.kind === 'scan') at.push(n)
        learning.took(plan, these, 10, plan.kind === 'scan' ? scanTakes : 0.6)
      }
      return { at, last: learning.choose(these, 10, true).kind }
    }

    // A scan of 55,000 is expected to take a millisecond, the graph 0.6.
    expect(tried(55_000, 0.9)).toEqual({ at: [8, 16, 32, 64, 128, 256, 512], last: 'graph' })
    expect(tried(55_000, 0.3).last).toBe('scan')
    expect(tried(200_000, 0.3)).toEqual({ at: [], last: 'graph' })
  })

  it('does not change its mind for one slow search; of ways that cost the same it takes the exact one, and stays there', () => {
    const learning = planner()
    const chosen: string[] = []
    for (let n = 0; n < 200; n++) {
      const plan = learning.choose(sizes, 10, true)
      if (chosen.at(-1) !== plan.kind) chosen.push(plan.kind)
      // Every tenth search is held up, and either way takes two milliseconds, give or take a tenth.
      learning.took(plan, sizes, 10, n % 10 === 9 ? 500 : 2 + (n % 3) / 10)
      learning.took({ kind: 'scan' }, sizes, 10, 2 - (n % 3) / 10)
    }

    expect(chosen).toEqual(['graph', 'scan'])
  })
})
