import { describe, expect, it } from 'vitest'
import { bytesOf, fromFloat32, readSafetensors, toFloat32, writeSafetensors } from '../src/safetensors.ts'

/** A file with this header and so many bytes of tensors. */
function file(header: unknown, body = 8): Uint8Array {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, Buffer.alloc(body)])
}

const tensor = (start: number, end: number, dtype = 'F32', shape: unknown = [(end - start) / 4]) => ({
  dtype,
  shape,
  data_offsets: [start, end],
})

describe('a safetensors file', () => {
  it('comes back as it was written, empty tensors and metadata included', () => {
    const tensors = new Map([
      ['whole', { dtype: 'I8' as const, shape: [3], data: bytesOf(Int8Array.of(1, -2, 3)) }],
      ['empty', { dtype: 'F32' as const, shape: [0, 4], data: new Uint8Array() }],
      ['one', { dtype: 'F32' as const, shape: [], data: bytesOf(Float32Array.of(0.5)) }],
    ])

    const { tensors: read, metadata } = readSafetensors(writeSafetensors(tensors, { format: 'pt' }), 'x')

    expect(metadata).toEqual({ format: 'pt' })
    for (const [name, { dtype, shape, data }] of tensors) {
      expect(read.get(name)).toMatchObject({ dtype, shape })
      expect([...read.get(name)!.data]).toEqual([...data])
    }
  })

  it.each([
    ['overlaps another', { a: tensor(0, 8), b: tensor(4, 8) }],
    ['overlaps another', { a: tensor(0, 8), b: tensor(0, 8) }],
    ['leaves a gap before it', { a: tensor(4, 8) }],
    ['has 4 bytes after its last tensor', { a: tensor(0, 4) }],
    ['bytes do not fit its shape', { a: tensor(0, 8, 'F32', [3]) }],
    ['bytes do not fit its shape', { a: tensor(0, 8, 'F32', [-1, -2]) }],
    ['bytes do not fit its shape', { a: tensor(0, 8, 'F32', [2.0, 1e300]) }],
    ['bytes do not fit its shape', { a: tensor(4, 12) }],
    ['bytes do not fit its shape', { a: tensor(-8, 0) }],
    ['bytes do not fit its shape', { a: { dtype: 'F32', shape: [2] } }],
    ['"a" of type F8_E4M3, which is not read', { a: tensor(0, 8, 'F8_E4M3', [8]) }],
    ['"a" of type undefined', { a: null }],
    ['not a JSON object', '[1]'],
    ['is not JSON', '{"a":'],
  ])('that %s is refused: %j', (problem, header) => {
    expect(() => readSafetensors(file(header), 'some/file')).toThrow(problem)
    expect(() => readSafetensors(file(header), 'some/file')).toThrow(expect.objectContaining({ code: 'INVALID_MODEL', path: 'some/file' }))
  })

  it('with a header longer than the file or the format allows is refused before anything is parsed', () => {
    const huge = Buffer.alloc(8)
    huge.writeBigUInt64LE(2n ** 60n)
    const long = Buffer.alloc(100_000_009)
    long.writeBigUInt64LE(100_000_001n)

    expect(() => readSafetensors(huge, 'x')).toThrow(/cut off/)
    expect(() => readSafetensors(long, 'x')).toThrow(/limit of 100000000/)
    expect(() => readSafetensors(new Uint8Array(3), 'x')).toThrow(/too short/)
  })
})

describe('half-precision values', () => {
  it.each(['F16', 'BF16'] as const)('come back bit by bit: %s', (dtype) => {
    const every = Uint16Array.from({ length: 65_536 }, (_, i) => i)
    const values = toFloat32({ dtype, shape: [65_536], data: bytesOf(every) }, 'x')

    const { data } = fromFloat32(values, [65_536], dtype)

    const bits = new Uint16Array(new Uint8Array(data).buffer)
    expect([...bits.keys()].filter((i) => bits[i] !== i && !Number.isNaN(values[i]))).toEqual([])
  })

  it('are the nearest there are, ties going to even ones', () => {
    const rounded = (dtype: 'F16' | 'BF16', value: number): number => toFloat32(fromFloat32(Float32Array.of(value), [1], dtype), 'x')[0]!

    expect(rounded('F16', 2049)).toBe(2048)
    expect(rounded('F16', 2051)).toBe(2052)
    expect(rounded('F16', 65_519)).toBe(65_504)
    expect(rounded('F16', 65_520)).toBe(Infinity)
    expect(rounded('F16', 2 ** -25)).toBe(0)
    expect(rounded('F16', 1.5 * 2 ** -25)).toBe(2 ** -24)
    expect(rounded('F16', -0)).toBe(-0)
    expect(rounded('BF16', 257)).toBe(256)
    expect(rounded('BF16', 259)).toBe(260)
    expect(rounded('BF16', Number.NaN)).toBeNaN()
  })
})
