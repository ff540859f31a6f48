import {
  add,
  advance,
  assemble,
  get,
  int,
  load,
  loadInt,
  loop,
  minus,
  multiply,
  over,
  plus,
  root,
  set,
  splat,
  store,
  storeSum,
  times,
  zeros,
  type Code,
  type KernelFunction,
} from '../../wasm/assembler.ts'
import { bind, compile, type SharedMemory } from '../../wasm/memory.ts'
import { tiledProduct } from '../../wasm/tiled-product.ts'

/**
 * The inner loops of training, four floats at a time: JavaScript has no vector instructions, WebAssembly has, and needs
 * no native package. Addresses and lengths are bytes of the shared memory. Sums are added in a fixed order.
 */
export interface Kernels {
  /** `c = a · bᵀ`; rows and columns are multiples of 4, `stride` (bytes of a row of `a` and `b`) of 16. */
  product(a: number, b: number, c: number, rows: number, columns: number, stride: number): void
  /** `out = Σ table[token]` over the token ids from `tokens` to `end`; `stride` is a multiple of 64. At least one token. */
  gather(table: number, tokens: number, end: number, out: number, stride: number): void
  /** `table[token] += row` for each of the token ids. */
  scatter(table: number, tokens: number, end: number, row: number, stride: number): void
  /** One update of Adam over `bytes` bytes, a multiple of 16. */
  adam(
    values: number,
    gradient: number,
    mean: number,
    square: number,
    bytes: number,
    beta1: number,
    beta2: number,
    size: number,
    floor: number,
  ): void
}

/** Compiles the kernels for a memory. */
export function compileKernels(memory: SharedMemory): Kernels {
  const product = tiledProduct({ accumulate: (sums, a, b) => plus(sums, times(a, b)), storeSum })
  return bind(compile(assemble([product, gather(), scatter(), adam()], mostPages)), memory)
}

/** Pages of 64 KiB that fit 32-bit addresses. */
const mostPages = 65_536

/** Goes over the tokens once for every 16 columns, which stay in registers. */
function gather(): KernelFunction {
  const [table, tokens, end, out, stride] = [0, 1, 2, 3, 4]
  const [outEnd, token, row] = [5, 6, 7]
  const sums = [8, 9, 10, 11]
  return {
    name: 'gather',
    integers: 5,
    integerLocals: 3,
    vectorLocals: 4,
    body: [
      set(outEnd, add(get(out), get(stride))),
      loop(
        out,
        get(outEnd),
        ...sums.map((sum) => set(sum, zeros)),
        set(token, get(tokens)),
        loop(
          token,
          get(end),
          set(row, add(get(table), multiply(loadInt(get(token)), get(stride)))),
          ...sums.map((sum, i) => set(sum, plus(get(sum), load(get(row), 16 * i)))),
          advance(token, int(4)),
        ),
        ...sums.map((sum, i) => store(get(out), get(sum), 16 * i)),
        advance(out, int(64)),
        advance(table, int(64)),
      ),
    ].flat(),
  }
}

function scatter(): KernelFunction {
  const [table, tokens, end, from, stride] = [0, 1, 2, 3, 4]
  const [fromEnd, token, row] = [5, 6, 7]
  const values = [8, 9, 10, 11]
  return {
    name: 'scatter',
    integers: 5,
    integerLocals: 3,
    vectorLocals: 4,
    body: [
      set(fromEnd, add(get(from), get(stride))),
      loop(
        from,
        get(fromEnd),
        ...values.map((value, i) => set(value, load(get(from), 16 * i))),
        set(token, get(tokens)),
        loop(
          token,
          get(end),
          set(row, add(get(table), multiply(loadInt(get(token)), get(stride)))),
          ...values.map((value, i) => store(get(row), plus(load(get(row), 16 * i), get(value)), 16 * i)),
          advance(token, int(4)),
        ),
        advance(from, int(64)),
        advance(table, int(64)),
      ),
    ].flat(),
  }
}

function adam(): KernelFunction {
  const [values, gradient, mean, square, bytes] = [0, 1, 2, 3, 4]
  const [beta1, beta2, size, floor] = [5, 6, 7, 8]
  const end = 9
  const [b1, b2, rest1, rest2, step, least, g, m, s] = [10, 11, 12, 13, 14, 15, 16, 17, 18]
  const one: Code = [0x43, 0x00, 0x00, 0x80, 0x3f]
  const less = (float: number): Code => [...one, ...get(float), 0x93]
  return {
    name: 'adam',
    integers: 5,
    floats: 4,
    integerLocals: 1,
    vectorLocals: 9,
    body: [
      set(b1, splat(get(beta1))),
      set(b2, splat(get(beta2))),
      set(rest1, splat(less(beta1))),
      set(rest2, splat(less(beta2))),
      set(step, splat(get(size))),
      set(least, splat(get(floor))),
      set(end, add(get(values), get(bytes))),
      loop(
        values,
        get(end),
        set(g, load(get(gradient))),
        set(m, plus(times(get(b1), load(get(mean))), times(get(rest1), get(g)))),
        set(s, plus(times(get(b2), load(get(square))), times(get(rest2), times(get(g), get(g))))),
        store(get(mean), get(m)),
        store(get(square), get(s)),
        store(get(values), minus(load(get(values)), over(times(get(step), get(m)), plus(root(get(s)), get(least))))),
        ...[values, gradient, mean, square].map((pointer) => advance(pointer, int(16))),
      ),
    ].flat(),
  }
}
