import { statSync } from 'node:fs'
import hnswlib from 'hnswlib-node'
import type { HierarchicalNSW } from 'hnswlib-node'
import { isFinite, type Vector } from '../../vector.ts'
import { breadthFor, type Breadth } from './breadth.ts'

/**
 * An HNSW graph (Malkov and Yashunin 2018) over vectors by document row. Wraps hnswlib-node, which ends the process on bad input:
 * only checked numbers reach it, labels are given out here and never twice, and files are loaded into fresh objects.
 */
export interface Graph {
  /** Rows in it. */
  readonly size: number
  /** Share of the graph that is deleted points, in [0, 1): they cost time and memory until it is built again. */
  readonly waste: number
  /** How broadly it searches, once that was measured; saved with it. */
  breadth: Breadth | undefined
  has(row: number): boolean
  /** Adds a row, or replaces its vector. */
  set(row: number, vector: Vector): void
  delete(row: number): void
  /** About the `count` rows nearest by cosine, nearest first. `breadth` candidates are kept in view, as many as were measured to do without it. */
  nearest(query: Vector, count: number, breadth?: number): number[]
  /** Writes the graph and returns what `loadGraph` needs beside the file. @throws when the file is not whole */
  save(path: string): Buffer
  /** Gives the memory back at once rather than when the garbage collector comes by. */
  dispose(): void
}

// Measured on the nine merged sets (46,654 × 256), what recall@10 = 0.98 takes, in searching and building time relative to the first:
// 24 neighbours, build 200: 1 × and 1 ×; 16 and 200: 1.05 × and 0.86 ×; 24 and 100: 1.9 × and 0.48 ×; 32 and 100: 1.6 × and 0.5 ×.
// Sets of many like documents suffer first: metatool, apibench.
const neighbours = 24
const buildBreadth = 200
const seed = 100

export function graph(dimensions: number): Graph {
  const index = new hnswlib.HierarchicalNSW('ip', dimensions)
  index.initIndex(1024, neighbours, buildBreadth, seed)
  return wrap(index, dimensions, [], undefined)
}

/**
 * Loads what `save` wrote. The caller has verified that the file is that very one, byte for byte.
 * @throws when it cannot be this graph
 */
export function loadGraph(path: string, dimensions: number, detail: Buffer): Graph {
  const { rows, breadth } = readDetail(detail)
  // A fresh object: reading into one in use that fails leaves it pointing at freed memory.
  const index = new hnswlib.HierarchicalNSW('ip', dimensions)
  index.readIndexSync(path)
  if (index.getCurrentCount() !== rows.length || index.getNumDimensions() !== dimensions) throw new Error('The graph file is another one.')
  return wrap(index, dimensions, rows, breadth)
}

const dead = -1

function wrap(index: HierarchicalNSW, dimensions: number, rowOf: number[], measured: Breadth | undefined): Graph {
  const labelOf = new Map<number, number>()
  rowOf.forEach((row, label) => row !== dead && labelOf.set(row, label))
  let breadth = measured
  /** What the index was last told. */
  let told = 0
  /** The index wants a plain array; this one is filled again and again. */
  const plain: number[] = Array.from({ length: dimensions }, () => 0)
  const toPlain = (vector: Vector): number[] => {
    if (vector.length !== dimensions || !isFinite(vector)) throw new RangeError('Not a vector of this graph.')
    for (let i = 0; i < dimensions; i++) plain[i] = vector[i]!
    return plain
  }

  const forget = (row: number): void => {
    const label = labelOf.get(row)
    if (label === undefined) return
    index.markDelete(label)
    labelOf.delete(row)
    rowOf[label] = dead
  }

  return {
    get size() {
      return labelOf.size
    },
    get waste() {
      return rowOf.length === 0 ? 0 : 1 - labelOf.size / rowOf.length
    },
    get breadth() {
      return breadth
    },
    set breadth(found) {
      breadth = found
    },
    has: (row) => labelOf.has(row),
    set(row, vector) {
      const values = toPlain(vector)
      forget(row)
      const label = rowOf.length
      if (label >= index.getMaxElements()) index.resizeIndex(Math.ceil(label * 1.5))
      index.addPoint(values, label)
      rowOf.push(row)
      labelOf.set(row, label)
    },
    delete: forget,
    nearest(query, count, candidates = breadthFor(count, breadth)) {
      if (labelOf.size === 0 || count === 0) return []
      const values = toPlain(query)
      const wanted = Math.min(count, labelOf.size)
      const needed = Math.max(wanted, Math.min(candidates, rowOf.length))
      if (needed !== told) index.setEf((told = needed))
      const { neighbors } = index.searchKnn(values, wanted)
      return neighbors.map((label) => rowOf[label] ?? dead).filter((row) => row !== dead)
    },
    save(path) {
      index.writeIndexSync(path)
      // It reports success even where nothing could be written.
      if (statSync(path).size < rowOf.length * dimensions * 4) throw new Error('The graph file is incomplete.')
      return writeDetail(rowOf, breadth)
    },
    dispose() {
      index.initIndex(1)
      labelOf.clear()
      rowOf.length = 0
    },
  }
}

/** Rows by label, then what was measured, then how many numbers that was: none in the files of earlier versions, whose last number is a row or -1. */
function writeDetail(rows: readonly number[], breadth: Breadth | undefined): Buffer {
  const measured = breadth ? [breadth.atTen, breadth.atHundred, Math.round(breadth.recall * recallUnit), breadth.size, breadth.asked] : []
  return Buffer.from(Int32Array.from([...rows, ...measured, -2 - measured.length]).buffer)
}

function readDetail(detail: Buffer): { rows: number[]; breadth: Breadth | undefined } {
  const numbers = Array.from(new Int32Array(detail.buffer.slice(detail.byteOffset, detail.byteOffset + detail.byteLength)))
  const last = numbers.at(-1) ?? dead
  if (last > -2) return { rows: numbers, breadth: undefined }
  const end = numbers.length + 1 + last
  const [atTen, atHundred, recall, size, asked] = numbers.slice(end, -1)
  const breadth =
    asked === undefined ? undefined : { atTen: atTen!, atHundred: atHundred!, recall: recall! / recallUnit, size: size!, asked }
  return { rows: numbers.slice(0, end), breadth }
}

const recallUnit = 1e6
