import {
  add,
  advance,
  assemble,
  get,
  int,
  load,
  loop,
  multiply,
  set,
  zeros,
  type Code,
  type KernelFunction,
} from '../../train/simd/assembler.ts'

/** Memory that threads and the kernel share. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer
}

/**
 * `c = a · bᵀ` in whole numbers: rows of 16-bit values at the byte addresses `a` and `b`, 32-bit sums at `c`. `rows` is a
 * multiple of 4, `columns` of 2, `stride` (bytes of a row) of 16. Eight products an instruction, four times what floats reach.
 */
export type IntegerProduct = (a: number, b: number, c: number, rows: number, columns: number, stride: number) => void

/** Makes zeroed memory of at least so many bytes. */
export function sharedMemory(bytes: number): SharedMemory {
  const pages = Math.max(1, Math.ceil(bytes / 65_536))
  return new engine.Memory({ initial: pages, maximum: pages, shared: true })
}

/** Bytes that fit one memory. */
export const mostBytes = 65_536 * 65_535

/** Compiles the kernel for a memory. */
export function integerProduct(memory: SharedMemory): IntegerProduct {
  compiled ??= new engine.Module(assemble([product()], 65_536))
  return new engine.Instance(compiled, { env: { memory } }).exports.product
}

let compiled: object | undefined

// Node's types leave WebAssembly to the DOM library, which a Node package has no other use for.
const engine = (
  globalThis as unknown as {
    WebAssembly: {
      Memory: new (limits: { initial: number; maximum: number; shared: boolean }) => SharedMemory
      Module: new (bytes: Uint8Array) => object
      Instance: new (module: object, imports: { env: { memory: SharedMemory } }) => { exports: { product: IntegerProduct } }
    }
  }
).WebAssembly

/** Eight 16-bit products, neighbours added: four 32-bit sums (`i32x4.dot_i16x8_s`). */
const pairProducts = (a: Code, b: Code): Code => [...a, ...b, 0xfd, 0xba, 0x01]
const plus = (a: Code, b: Code): Code => [...a, ...b, 0xfd, 0xae, 0x01]
/** The sum of the four whole numbers in `local`, stored at `address + offset`. */
const storeSum = (address: Code, local: number, offset: number): Code => [
  ...address,
  ...[0, 1, 2, 3].flatMap((lane) => [...get(local), 0xfd, 0x1b, lane, ...(lane > 0 ? [0x6a] : [])]),
  0x36,
  2,
  offset,
]

/** Tiles of 4 rows by 2 columns: eight running sums, four rows and one column fit the processor's 16 registers. */
function product(): KernelFunction {
  const [a, b, c, rows, columns, stride] = [0, 1, 2, 3, 4, 5]
  const [rowsEnd, columnsEnd, column, out, inA, inB, innerEnd, width] = [6, 7, 8, 9, 10, 11, 12, 13]
  const sums = [14, 15, 16, 17, 18, 19, 20, 21]
  const fromA = [22, 23, 24, 25]
  const fromB = 26
  const scaled = (value: Code, factor: number): Code => multiply(value, int(factor))
  const rowOf = (pointer: number, row: number): Code => (row === 0 ? get(pointer) : add(get(pointer), scaled(get(stride), row)))
  return {
    name: 'product',
    integers: 6,
    integerLocals: 8,
    vectorLocals: 13,
    body: [
      set(rowsEnd, add(get(a), multiply(get(rows), get(stride)))),
      set(columnsEnd, add(get(b), multiply(get(columns), get(stride)))),
      set(width, scaled(get(columns), 4)),
      loop(
        a,
        get(rowsEnd),
        set(column, get(b)),
        set(out, get(c)),
        loop(
          column,
          get(columnsEnd),
          ...sums.map((sum) => set(sum, zeros)),
          set(inA, get(a)),
          set(inB, get(column)),
          set(innerEnd, add(get(a), get(stride))),
          loop(
            inA,
            get(innerEnd),
            ...fromA.map((local, row) => set(local, load(rowOf(inA, row)))),
            ...[0, 1].flatMap((col) => [
              set(fromB, load(rowOf(inB, col))),
              ...fromA.map((local, row) =>
                set(sums[col * 4 + row]!, plus(get(sums[col * 4 + row]!), pairProducts(get(local), get(fromB)))),
              ),
            ]),
            advance(inA, int(16)),
            advance(inB, int(16)),
          ),
          ...sums.map((sum, i) => storeSum(add(get(out), scaled(get(width), i % 4)), sum, i < 4 ? 0 : 4)),
          advance(out, int(8)),
          advance(column, scaled(get(stride), 2)),
        ),
        advance(c, scaled(get(width), 4)),
        advance(a, scaled(get(stride), 4)),
      ),
    ].flat(),
  }
}
