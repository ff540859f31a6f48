/** WebAssembly instructions as bytes. Just those that the kernels need; expressions nest as arrays. */
export type Code = readonly number[]

export const get = (local: number): Code => [0x20, local]
export const set = (local: number, ...value: Code[]): Code => [...value.flat(), 0x21, local]
export const int = (value: number): Code => [0x41, ...signed(value)]
export const add = (a: Code, b: Code): Code => [...a, ...b, 0x6a]
export const multiply = (a: Code, b: Code): Code => [...a, ...b, 0x6c]
export const loadInt = (address: Code, offset = 0): Code => [...address, 0x28, 2, ...unsigned(offset)]
export const advance = (local: number, by: Code): Code => set(local, add(get(local), by))

/** Runs its body once, and again as long as `local` is below `end`. */
export const loop = (local: number, end: Code, ...body: Code[]): Code => [
  0x03,
  0x40,
  ...body.flat(),
  ...get(local),
  ...end,
  0x49,
  0x0d,
  0,
  0x0b,
]

/** Four floats at `address + offset`. */
export const load = (address: Code, offset = 0): Code => [...address, 0xfd, 0x00, 2, ...unsigned(offset)]
export const store = (address: Code, value: Code, offset = 0): Code => [...address, ...value, 0xfd, 0x0b, 2, ...unsigned(offset)]
export const plus = (a: Code, b: Code): Code => [...a, ...b, 0xfd, 0xe4, 0x01]
export const times = (a: Code, b: Code): Code => [...a, ...b, 0xfd, 0xe6, 0x01]
export const minus = (a: Code, b: Code): Code => [...a, ...b, 0xfd, 0xe5, 0x01]
export const over = (a: Code, b: Code): Code => [...a, ...b, 0xfd, 0xe7, 0x01]
export const root = (a: Code): Code => [...a, 0xfd, 0xe3, 0x01]
/** The same float four times. */
export const splat = (float: Code): Code => [...float, 0xfd, 0x13]
export const zeros: Code = [0x41, 0, 0xfd, 0x11]
/** Eight signed bytes at `address + offset`, as 16-bit whole numbers. */
export const loadBytes = (address: Code, offset = 0): Code => [...address, 0xfd, 0x01, 0, ...unsigned(offset)]
/** Eight products of 16-bit whole numbers, neighbours added. */
export const timesPairs = (a: Code, b: Code): Code => [...a, ...b, 0xfd, 0xba, 0x01]
export const plusInts = (a: Code, b: Code): Code => [...a, ...b, 0xfd, 0xae, 0x01]
/** The sum of the four whole numbers in `local`, as a float. */
export const intSum = (local: number): Code => [
  ...[0, 1, 2, 3].flatMap((lane) => [...get(local), 0xfd, 0x1b, lane, ...(lane > 0 ? [0x6a] : [])]),
  0xb2,
]

export const loadFloat = (address: Code, offset = 0): Code => [...address, 0x2a, 2, ...unsigned(offset)]
export const storeFloat = (address: Code, value: Code, offset = 0): Code => [...address, ...value, 0x38, 2, ...unsigned(offset)]
export const addFloats = (a: Code, b: Code): Code => [...a, ...b, 0x92]
export const multiplyFloats = (a: Code, b: Code): Code => [...a, ...b, 0x94]
/** The sum of the four floats in `local`, stored at `address + offset`. */
export const storeSum = (address: Code, local: number, offset = 0): Code => [
  ...address,
  ...[0, 1, 2, 3].flatMap((lane) => [...get(local), 0xfd, 0x1f, lane, ...(lane > 0 ? [0x92] : [])]),
  0x38,
  2,
  ...unsigned(offset),
]

/** A function: how many integers and floats it takes, the locals it has beyond them, what it does. It returns nothing. */
export interface KernelFunction {
  readonly name: string
  readonly integers: number
  readonly floats?: number
  readonly integerLocals: number
  readonly vectorLocals: number
  readonly body: Code
}

/** A module of these functions over a shared memory of at most `pages` pages that it imports as `env.memory`. */
export function assemble(functions: readonly KernelFunction[], pages: number): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ integers, floats = 0 }) => [
    0x60,
    ...vector([...fill(integers, 0x7f), ...fill(floats, 0x7d)].map((type) => [type])),
    0,
  ])
  const bodies = functions.map(({ integerLocals, vectorLocals, body }) => {
    const code = [
      ...vector([
        [...unsigned(integerLocals), 0x7f],
        [...unsigned(vectorLocals), 0x7b],
      ]),
      ...body,
      0x0b,
    ]
    return [...unsigned(code.length), ...code]
  })
  return Uint8Array.from([
    0x00,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    ...section(1, vector(types)),
    ...section(2, vector([[...text('env'), ...text('memory'), 2, 3, ...unsigned(1), ...unsigned(pages)]])),
    ...section(3, vector(functions.map((_, i) => unsigned(i)))),
    ...section(7, vector(functions.map(({ name }, i) => [...text(name), 0, ...unsigned(i)]))),
    ...section(10, vector(bodies)),
  ])
}

function section(id: number, content: Code): Code {
  return [id, ...unsigned(content.length), ...content]
}

function vector(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()]
}

function text(value: string): Code {
  return vector([...Buffer.from(value)].map((byte) => [byte]))
}

function fill(count: number, value: number): number[] {
  return Array.from({ length: count }, () => value)
}

function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

function signed(value: number): number[] {
  const rest = value >> 7
  const done = (rest === 0 && !(value & 0x40)) || (rest === -1 && (value & 0x40) !== 0)
  return done ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(rest)]
}
