import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { readVector, writeVector } from '../../src/store/embedded/stored-vectors.ts'
import { embeddedStore } from '../../src/store/embedded.ts'
import { answers, library } from './library.ts'
import { temporaryDirectory } from './temporary.ts'

const halved = (...values: number[]): number[] => [...readVector(writeVector(Float32Array.from(values), 'float16'), values.length)!]

describe('a vector written as halves', () => {
  it('has the nearest halves, ties to even', () => {
    expect(halved(0, 1, -0.5, 65_504, 2 ** -24, -(2 ** -14))).toEqual([0, 1, -0.5, 65_504, 2 ** -24, -(2 ** -14)])
    expect(halved(1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -11 + 2 ** -20)).toEqual([1, 1 + 2 ** -9, 1 + 2 ** -10])
    expect(halved(2 ** -25, 3 * 2 ** -25, 2 ** -26, 2047.6 * 2 ** -25)).toEqual([0, 2 ** -23, 0, 2 ** -14])
    expect(halved(65_519)).toEqual([65_504])
    expect(halved(0.1)[0]).toBeCloseTo(0.1, 4)
  })

  it('gives every half back as it was', () => {
    const finite = Uint16Array.from({ length: 65_536 }, (_, half) => half).filter((half) => ((half >>> 10) & 31) < 31)
    const floats = readVector(Buffer.from(finite.buffer), finite.length)!

    expect(Buffer.compare(writeVector(floats, 'float16'), Buffer.from(finite.buffer))).toBe(0)
  })

  it('refuses what no half can hold, and bytes of another length', () => {
    expect(() => halved(65_520)).toThrow(/float16/)
    expect(readVector(Buffer.alloc(5), 2)).toBeUndefined()
  })

  it('is read from any address', () => {
    const bytes = Buffer.concat([Buffer.alloc(1), writeVector(Float32Array.of(0.5, -2), 'float16')])
    expect([...readVector(bytes.subarray(1), 2)!]).toEqual([0.5, -2])
  })
})

describe('an index of halves', () => {
  it('answers the same after it was opened again, and keeps its form', async () => {
    const directory = temporaryDirectory()
    const store = await embeddedStore(directory, { vectors: 'float16' })
    await store.upsert(library(300))
    const before = await answers(store)
    const [kept] = await store.vectors('base', ['d0'])
    await store.close()

    const again = await embeddedStore(directory)
    expect(await answers(again)).toEqual(before)
    await again.upsert(library(10, { from: 300 }))
    await again.close()

    const database = new Database(`${directory}/index.sqlite`)
    expect(database.prepare('SELECT DISTINCT length(vector) FROM vectors_1').pluck().all()).toEqual([2 * kept!.length])
    expect(database.pragma('user_version', { simple: true })).toBe(2)
    database.close()
    await expect(embeddedStore(directory, { vectors: 'float32' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  it('is not made of an index that holds floats', async () => {
    const directory = temporaryDirectory()
    const store = await embeddedStore(directory)
    await store.upsert(library(3))
    await store.close()

    await expect(embeddedStore(directory, { vectors: 'float16' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await (await embeddedStore(directory, { vectors: 'float32' })).close()
  })
})
