import { assemble, get, type Code } from '../../wasm/assembler.ts'
import { bind, compile, type SharedMemory } from '../../wasm/memory.ts'
import { tiledProduct } from '../../wasm/tiled-product.ts'

/**
 * `c = a · bᵀ` in whole numbers: rows of 16-bit values at the byte addresses `a` and `b`, 32-bit sums at `c`. `rows` is a
 * multiple of 4, `columns` of 2, `stride` (bytes of a row) of 16. Eight products an instruction, four times what floats reach.
 */
export type IntegerProduct = (a: number, b: number, c: number, rows: number, columns: number, stride: number) => void

/** Bytes that fit one memory. */
export const mostBytes = 65_536 * 65_535

/** Compiles the kernel for a memory. */
export function integerProduct(memory: SharedMemory): IntegerProduct {
  compiled ??= compile(assemble([tiledProduct({ accumulate, storeSum })], 65_536))
  return bind<{ product: IntegerProduct }>(compiled, memory).product
}

let compiled: object | undefined

/** Eight 16-bit products, neighbours added (`i32x4.dot_i16x8_s`), added to four 32-bit sums (`i32x4.add`). */
function accumulate(sums: Code, a: Code, b: Code): Code {
  return [...sums, ...a, ...b, 0xfd, 0xba, 0x01, 0xfd, 0xae, 0x01]
}

/** The sum of the four whole numbers in `local`, stored at `address + offset`. */
function storeSum(address: Code, local: number, offset: number): Code {
  return [...address, ...[0, 1, 2, 3].flatMap((lane) => [...get(local), 0xfd, 0x1b, lane, ...(lane > 0 ? [0x6a] : [])]), 0x36, 2, offset]
}
