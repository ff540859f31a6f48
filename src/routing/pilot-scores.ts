import { DimensionMismatchError } from '../errors.ts'
import type { Vector } from '../vector.ts'
import { add, advance, assemble, get, int, load, loop, multiply, plus, set, storeSum, times, zeros, type Code } from '../wasm/assembler.ts'
import { bind, compile, sharedMemory } from '../wasm/memory.ts'
import { nearestSimilarity, type PilotVectors } from './pilots.ts'

/** The pilots of all experts in one block. */
export interface PilotScores {
  /** Cosine to each expert's nearest pilot, in order; 0 for experts without pilots. @throws DimensionMismatchError */
  nearest(vector: Vector): Float64Array
}

/** @param experts All of the same dimensions, those without pilots aside. */
export function pilotScores(experts: readonly PilotVectors[]): PilotScores {
  const dimensions = experts.find(({ weights }) => weights.length > 0)?.dimensions
  const compare = dimensions === undefined ? undefined : comparison(experts, dimensions)

  return {
    nearest(vector) {
      if (dimensions !== undefined && vector.length !== dimensions)
        throw new DimensionMismatchError('The router', dimensions, vector.length)
      return compare ? compare(vector) : Float64Array.from(experts, (pilots) => nearestSimilarity(pilots, vector))
    },
  }
}

/** Four products an instruction: beside words, comparing pilots is most of the work. `undefined` where there is no WebAssembly. */
function comparison(experts: readonly PilotVectors[], dimensions: number): ((vector: Vector) => Float64Array) | undefined {
  const count = experts.reduce((sum, { weights }) => sum + weights.length, 0)
  const rows = 4 * Math.ceil(count / 4)
  const width = 4 * Math.ceil(dimensions / 4)
  try {
    const memory = sharedMemory(4 * (rows * width + width + rows))
    compiled ??= compile(assemble([rowProducts()], 65_536))
    const { products } = bind<{ products: RowProducts }>(compiled, memory)
    const block = new Float32Array(memory.buffer)
    let row = 0
    for (const { values, weights } of experts)
      for (let i = 0; i < weights.length; i++) block.set(values.subarray(i * dimensions, (i + 1) * dimensions), row++ * width)
    const query = rows * width
    const found = query + width

    return (vector) => {
      block.set(vector, query)
      products(0, 4 * query, 4 * found, 4 * rows * width, 4 * width)
      const nearest = new Float64Array(experts.length)
      let at = found
      for (let expert = 0; expert < experts.length; expert++) {
        const end = at + experts[expert]!.weights.length
        let best = at === end ? 0 : -1
        for (; at < end; at++) if (block[at]! > best) best = block[at]!
        nearest[expert] = Math.min(1, best)
      }
      return nearest
    }
  } catch {
    return undefined
  }
}

let compiled: object | undefined

/** `products(rows, vector, out, bytes, stride)`: each row's product with the vector; `bytes` is 4 × `stride` or a multiple. */
type RowProducts = (rows: number, vector: number, out: number, bytes: number, stride: number) => void

/** Four rows at a time, so that the vector is read a quarter as often. */
function rowProducts() {
  const [rows, vector, out, bytes, stride] = [0, 1, 2, 3, 4]
  const [end, inRow, inVector, vectorEnd] = [5, 6, 7, 8]
  const sums = [9, 10, 11, 12]
  const part = 13
  const rowOf = (row: number): Code => (row === 0 ? get(inRow) : add(get(inRow), multiply(get(stride), int(row))))
  return {
    name: 'products',
    integers: 5,
    integerLocals: 4,
    vectorLocals: 5,
    body: [
      set(end, add(get(rows), get(bytes))),
      set(vectorEnd, add(get(vector), get(stride))),
      loop(
        rows,
        get(end),
        ...sums.map((sum) => set(sum, zeros)),
        set(inRow, get(rows)),
        set(inVector, get(vector)),
        loop(
          inVector,
          get(vectorEnd),
          set(part, load(get(inVector))),
          ...sums.map((sum, row) => set(sum, plus(get(sum), times(load(rowOf(row)), get(part))))),
          advance(inRow, int(16)),
          advance(inVector, int(16)),
        ),
        ...sums.map((sum, row) => storeSum(get(out), sum, 4 * row)),
        advance(out, int(16)),
        advance(rows, multiply(get(stride), int(4))),
      ),
    ].flat(),
  }
}
