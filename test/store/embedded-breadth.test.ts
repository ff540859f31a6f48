import { describe, expect, it } from 'vitest'
import { arena as newArena } from '../../src/store/embedded/arena.ts'
import { breadthFor, isOutdated, type Breadth } from '../../src/store/embedded/breadth.ts'
import { graph as newGraph, loadGraph, type Graph } from '../../src/store/embedded/graph.ts'
import { measureBreadth, probeCount } from '../../src/store/embedded/measure-breadth.ts'
import { seededRandom } from '../../src/store/embedded/random.ts'
import { reservoir } from '../../src/store/embedded/reservoir.ts'
import { space } from '../../src/store/embedded/space.ts'
import { embeddedStore } from '../../src/store/embedded.ts'
import { normalize, type Vector } from '../../src/vector.ts'
import { temporaryDirectory } from './temporary.ts'

const dimensions = 128

/** Without any structure: the hardest there is for a graph. */
function vectors(count: number, seed: number): Vector[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () =>
    normalize(Float32Array.from({ length: dimensions }, () => random() + random() + random() - 1.5)),
  )
}

const documents = vectors(5000, 1)
const arena = newArena(dimensions)
const graph = newGraph(dimensions)
documents.forEach((vector, row) => {
  arena.set(row, vector)
  graph.set(row, vector)
})
const precedes = (a: number, b: number): boolean => a < b

function measured(recall: number, asked: readonly Vector[] = []): Breadth {
  const measuring = measureBreadth({ arena, graph, asked, recall })
  for (;;) {
    const { done, value } = measuring.next()
    if (done) return value
  }
}

function recall(k: number, breadth: number): number {
  const exact = space(1, 'base', dimensions, { graphFrom: Infinity, recall: 1 })
  documents.forEach((vector, row) => exact.set(row, vector))
  const asked = vectors(200, 2)
  const hits = asked.map((query) => {
    const found = new Set(graph.nearest(query, k, breadth))
    return exact.search(query, k, undefined, precedes).filter((row) => found.has(row)).length
  })
  return hits.reduce((sum, each) => sum + each, 0) / (k * asked.length)
}

describe('the measured breadth', () => {
  it.each([0.9, 0.96])('finds the share of the nearest that was asked for, %d, in questions it has not seen', (wanted) => {
    const { atTen, atHundred } = measured(wanted, vectors(probeCount, 4))

    expect(Math.abs(recall(10, atTen) - wanted)).toBeLessThan(0.04)
    expect(recall(100, atHundred)).toBeGreaterThan(wanted - 0.04)
  })

  it('grows with the share and with the hits', () => {
    const [low, high] = [measured(0.9), measured(0.98)]

    expect(high.atTen).toBeGreaterThan(1.2 * low.atTen)
    expect(high.atHundred).toBeGreaterThan(high.atTen)
    expect(breadthFor(10, high)).toBe(high.atTen)
    expect(breadthFor(100, high)).toBe(high.atHundred)
    expect(breadthFor(1, high)).toBe(high.atTen)
    expect(breadthFor(50, high)).toBeGreaterThan(high.atTen)
    expect(breadthFor(5000, high)).toBeGreaterThanOrEqual(7500)
  })

  it('stays within bounds, whatever is asked for', () => {
    expect(measured(0.01).atTen).toBe(64)
    expect(measured(0.999999999).atTen).toBeLessThanOrEqual(1024)
  })

  it('is the same every time', () => {
    expect(measured(0.9)).toEqual(measured(0.9))
  })

  it('goes by what was really asked, where that is known', () => {
    const made = measured(0.95)

    const easy = measured(0.95, documents.slice(0, probeCount))

    expect(easy.atTen).toBeLessThan(made.atTen)
    expect([made.asked, easy.asked]).toEqual([0, probeCount])
  })

  it('pauses several times a question, so that searches get their turn', () => {
    const pauses = [...measureBreadth({ arena, graph, asked: [], recall: 0.95 })].length

    expect(pauses).toBeGreaterThan(1.5 * probeCount)
  })

  it('is saved with the graph; files from before there was any are read', () => {
    const path = `${temporaryDirectory()}/graph`
    graph.breadth = measured(0.9)

    const detail = graph.save(path)

    expect(loadGraph(path, dimensions, detail).breadth).toEqual(graph.breadth)
    const before = loadGraph(path, dimensions, detail.subarray(0, 4 * documents.length))
    expect(before.breadth).toBeUndefined()
    expect(before.nearest(documents[7]!, 1)).toEqual([7])
    graph.breadth = undefined
    expect(loadGraph(path, dimensions, graph.save(path)).breadth).toBeUndefined()
  })

  it('is outdated for another share, twice the rows, or real questions in place of made-up ones', () => {
    const breadth: Breadth = { atTen: 100, atHundred: 200, recall: 0.99, size: 10_000, asked: 0 }
    const having = (size: number, known?: Breadth): Pick<Graph, 'size' | 'breadth'> => ({ size, breadth: known })

    expect(isOutdated(having(10_000), 0.99, 0, 200)).toBe(true)
    expect(isOutdated(having(900), 0.99, 0, 200)).toBe(false)
    expect(isOutdated(having(19_999, breadth), 0.99, 199, 200)).toBe(false)
    expect(isOutdated(having(20_000, breadth), 0.99, 0, 200)).toBe(true)
    expect(isOutdated(having(10_000, breadth), 0.95, 0, 200)).toBe(true)
    expect(isOutdated(having(10_000, breadth), 0.99, 200, 200)).toBe(true)
    expect(isOutdated(having(10_000, { ...breadth, asked: 150 }), 0.99, 200, 200)).toBe(false)
  })
})

describe('a space', () => {
  const grown = (count: number): ReturnType<typeof space> => {
    const growing = space(1, 'base', dimensions, { graphFrom: 1000, recall: 0.9 })
    documents.slice(0, count).forEach((vector, row) => growing.set(row, vector))
    while (growing.work(100));
    return growing
  }

  it('measures once its graph is built, and again when that has doubled or real questions are known', () => {
    const growing = grown(1200)
    const first = growing.graph!.breadth!
    expect(first).toMatchObject({ recall: 0.9, size: 1200, asked: 0 })

    documents.slice(1200, 2300).forEach((vector, row) => growing.set(1200 + row, vector))
    while (growing.work(100));
    expect(growing.graph!.breadth).toBe(first)

    documents.slice(2300, 2400).forEach((vector, row) => growing.set(2300 + row, vector))
    while (growing.work(100));
    expect(growing.graph!.breadth).toMatchObject({ size: 2400, asked: 0 })

    for (const query of vectors(probeCount, 3)) growing.search(query, 5, undefined, precedes)
    while (growing.work(100));
    expect(growing.graph!.breadth).toMatchObject({ size: 2400, asked: probeCount })
  })

  it('does not measure again what was loaded, unless for another share', () => {
    const path = `${temporaryDirectory()}/graph`
    const original = grown(1200)
    const detail = original.graph!.save(path)
    const adopted = (share: number): Breadth | undefined => {
      const loaded = loadGraph(path, dimensions, detail)
      const taking = space(1, 'base', dimensions, { graphFrom: 1000, recall: share })
      documents.slice(0, 1200).forEach((vector, row) => taking.set(row, vector))
      taking.adopt(loaded, [])
      const before = loaded.breadth
      while (taking.work(100));
      return loaded.breadth === before ? undefined : loaded.breadth
    }

    expect(adopted(0.9)).toBeUndefined()
    expect(adopted(0.95)).toMatchObject({ recall: 0.95, size: 1200 })
  })

  it('goes on when what is measured disappears', () => {
    const shrinking = space(1, 'base', dimensions, { graphFrom: 1000, recall: 0.9 })
    documents.slice(0, 1500).forEach((vector, row) => shrinking.set(row, vector))
    while (shrinking.graph?.size !== 1500) shrinking.work(1)
    for (let row = 0; row < 1500; row += 2) {
      shrinking.delete(row)
      shrinking.work(0.1)
    }

    while (shrinking.work(100));

    expect(shrinking.search(documents[1]!, 1, undefined, precedes)).toEqual([1])
    expect(shrinking.graph?.size).toBe(750)
  })
})

describe('a sample of what was asked', () => {
  it('keeps copies, the same ones for the same questions, from all along', () => {
    const [one, other] = [reservoir(50, seededRandom(1)), reservoir(50, seededRandom(1))]
    for (let i = 0; i < 5000; i++) {
      const vector = new Float32Array([i])
      one.offer(vector)
      other.offer(vector)
      vector[0] = -1
    }

    expect(one.vectors).toEqual(other.vectors)
    expect(one.vectors).toHaveLength(50)
    const mean = one.vectors.reduce((sum, [value]) => sum + value!, 0) / 50
    expect(Math.abs(mean - 2500)).toBeLessThan(700)
    expect(Math.min(...one.vectors.map(([value]) => value!))).toBeGreaterThanOrEqual(0)
  })
})

describe('embeddedStore with a recall', () => {
  it.each([0, -1, 1.1, Number.NaN])('refuses %d', async (share) => {
    await expect(embeddedStore(':memory:', { recall: share })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'recall' })
  })

  it('scans only when everything is to be found', async () => {
    const store = await embeddedStore(':memory:', { recall: 1, graphFrom: 0 })
    await store.upsert(documents.map((vector, i) => ({ document: { id: `d${i}`, text: '' }, hash: 'h', vectors: { base: vector } })))
    const [query] = vectors(1, 9)

    const [result] = await store.search([{ vectors: [{ space: 'base', vector: query! }], topK: 20 }])

    const similarity = (vector: Vector): number => vector.reduce((sum, value, i) => sum + value * query![i]!, 0)
    const nearest = [...documents.keys()].sort((a, b) => similarity(documents[b]!) - similarity(documents[a]!)).slice(0, 20)
    expect(result!.candidates.map(({ id }) => id)).toEqual(nearest.map((i) => `d${i}`))
    await store.close()
  })
})
