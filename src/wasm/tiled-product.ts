import { add, advance, get, int, load, loop, multiply, set, zeros, type Code, type KernelFunction } from './assembler.ts'

/** What a product does with its 16-byte vectors. */
export interface Lanes {
  /** A vector of running sums, with what two vectors of factors add to it. */
  readonly accumulate: (sums: Code, a: Code, b: Code) => Code
  /** Stores the total of the four sums in a local at `address + offset`, as four bytes. */
  readonly storeSum: (address: Code, local: number, offset: number) => Code
}

/**
 * `product(a, b, c, rows, columns, stride)`: `c = a · bᵀ` by addresses; `rows` is a multiple of 4, `columns` of 2, `stride` (bytes of a row
 * of `a` and `b`) of 16. In tiles of 4 rows by 2 columns: eight running sums, four rows and one column fit the processor's 16 registers.
 */
export function tiledProduct({ accumulate, storeSum }: Lanes): KernelFunction {
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
              ...fromA.map((local, row) => {
                const sum = sums[col * 4 + row]!
                return set(sum, accumulate(get(sum), get(local), get(fromB)))
              }),
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
