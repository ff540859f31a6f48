import {
  add,
  addFloats,
  advance,
  assemble,
  get,
  int,
  intSum,
  load,
  loadBytes,
  loadFloat,
  loadInt,
  loop,
  multiply,
  multiplyFloats,
  plusInts,
  set,
  storeFloat,
  timesPairs,
  zeros,
  type KernelFunction,
} from '../../wasm/assembler.ts'
import { bind, compile, type SharedMemory } from '../../wasm/memory.ts'

/**
 * Bounds from above the products of one query with rows of 8-bit values. From `list` to `listEnd` lie places, four bytes each and a
 * multiple of four of them; the row of a place begins at `rows + place * stride`: `width` values, a multiple of 16, then two floats,
 * what one step of its values is worth and its error. At `query` lie `width` 16-bit values. Writes to `out` one float a place:
 * `step * querySize * sum of products + error * queryLength + margin`.
 */
export type BoundKernel = (
  list: number,
  listEnd: number,
  query: number,
  out: number,
  rows: number,
  stride: number,
  width: number,
  queryStep: number,
  queryLength: number,
  margin: number,
) => void

/** Compiles the kernel for a memory. @throws where there is no WebAssembly, or none with vector instructions */
export function boundKernel(memory: SharedMemory): BoundKernel {
  compiled ??= compile(assemble([kernel()], 65_536))
  return bind<{ bound: BoundKernel }>(compiled, memory).bound
}

let compiled: object | undefined

/** Four rows at a time: each part of the query is loaded once for four products. One row at a time takes 2.5 × as long. */
function kernel(): KernelFunction {
  const [list, listEnd, query, out, rows, stride, width] = [0, 1, 2, 3, 4, 5, 6]
  const [queryStep, queryLength, margin] = [7, 8, 9]
  const inRow = [10, 11, 12, 13]
  const [inQuery, queryEnd] = [14, 15]
  const sums = [16, 17, 18, 19]
  const part = 20
  return {
    name: 'bound',
    integers: 7,
    floats: 3,
    integerLocals: 6,
    vectorLocals: 5,
    body: loop(
      list,
      get(listEnd),
      ...inRow.map((row, i) => set(row, add(get(rows), multiply(loadInt(get(list), 4 * i), get(stride))))),
      ...sums.map((sum) => set(sum, zeros)),
      set(inQuery, get(query)),
      set(queryEnd, add(get(query), multiply(get(width), int(2)))),
      loop(
        inQuery,
        get(queryEnd),
        ...[0, 1].flatMap((half) => [
          set(part, load(get(inQuery), 16 * half)),
          ...sums.map((sum, i) => set(sum, plusInts(get(sum), timesPairs(loadBytes(get(inRow[i]!), 8 * half), get(part))))),
        ]),
        ...inRow.map((row) => advance(row, int(16))),
        advance(inQuery, int(32)),
      ),
      ...inRow.map((row, i) => {
        const product = multiplyFloats(multiplyFloats(intSum(sums[i]!), loadFloat(get(row))), get(queryStep))
        const error = multiplyFloats(loadFloat(get(row), 4), get(queryLength))
        return storeFloat(get(out), addFloats(addFloats(product, error), get(margin)), 4 * i)
      }),
      advance(list, int(16)),
      advance(out, int(16)),
    ),
  }
}
