import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Encoder, Truncation } from '../../src/encoder/encoder.ts'
import { ClosedError, InvalidArgumentError } from '../../src/errors.ts'
import { dot, type Vector } from '../../src/vector.ts'

export interface EncoderTraits {
  /** A text without known words gives zeros. */
  readonly zeros: boolean
  /** Known words, each one token. */
  readonly words: readonly string[]
}

/** What every encoder promises. `open` gives a new one each time, reading at most a few hundred tokens. */
export function describeEncoder(name: string, open: () => Promise<Encoder>, { zeros, words }: EncoderTraits): void {
  describe(name, () => {
    let encoder: Encoder
    beforeAll(async () => {
      encoder = await open()
    })
    afterAll(() => encoder.close())

    const sentence = (length: number, first = 0): string =>
      Array.from({ length }, (_, i) => words[(first + i * 7 + i * i) % words.length]).join(' ')
    const texts = [1, 9, 3, 20, 2, 5, 14, 1, 7].map((length, i) => sentence(length, i))

    it('gives one unit-length vector for each text, in order', async () => {
      const vectors = await encoder.encode(texts)

      expect(vectors).toHaveLength(texts.length)
      for (const [i, vector] of vectors.entries()) {
        expect(vector).toBeInstanceOf(Float32Array)
        expect(vector).toHaveLength(encoder.dimensions)
        expect(dot(vector, vector)).toBeCloseTo(1, 5)
        expectClose(vector, (await encoder.encode([texts[i]!]))[0]!)
      }
    })

    it('gives different texts different vectors', async () => {
      const [a, b] = await encoder.encode([sentence(6, 0), sentence(6, 3)])

      expect(dot(a!, b!)).toBeLessThan(0.9999)
    })

    it('gives the same vectors to calls made at the same time', async () => {
      const together = await Promise.all(texts.map((text) => encoder.encode([text])))

      const batch = await encoder.encode(texts)
      together.forEach(([vector], i) => expectClose(vector!, batch[i]!))
    })

    it('gives an empty list for an empty list', async () => {
      expect(await encoder.encode([])).toEqual([])
    })

    it('gives vectors that nothing else shares', async () => {
      const [first] = await encoder.encode([texts[1]!, texts[2]!])
      first!.fill(9)

      const [again] = await encoder.encode([texts[1]!])

      expect(again).not.toEqual(first)
      expect(first!.buffer.byteLength).toBe(encoder.dimensions * 4)
    })

    it.each([
      ['empty', ''],
      ['white space', ' \t\r\n\u00a0\u3000 '],
      ['control characters and NUL', '\u0000\u0001\u007f\u0000'],
      ['a lone surrogate', '\ud800'],
      ['lone surrogates the wrong way round', '\udc00\ud800\udfff'],
      ['another script', 'ꙮꙮ ቋንቋ'],
      ['emoji', '👩‍⚕️🏴‍☠️'],
      ['the end of Unicode', '\u{10ffff}\ufffe\uffff'],
    ])('gives a defined vector for a text that is %s', async (_, text) => {
      const [vector] = await encoder.encode([text])

      expect(vector!.every(Number.isFinite)).toBe(true)
      const length = dot(vector!, vector!)
      if (zeros) expect(length).toBe(0)
      else expect(length).toBeCloseTo(1, 5)
    })

    it('finds the words between characters it cannot read', async () => {
      const [plain, dirty] = await encoder.encode([`${words[0]} ${words[1]}`, `\u0000${words[0]} \ud800${words[1]}\u0000`])

      expectClose(dirty!, plain!)
    })

    it('reports texts that it reads only the beginning of, and no others', async () => {
      const reported: Truncation[] = []

      await encoder.encode(['', sentence(5_000), texts[0]!, sentence(6_000)], { onTruncated: (truncation) => reported.push(truncation) })

      expect(reported.map(({ index }) => index).sort()).toEqual([1, 3])
      for (const { index, tokens, limit } of reported) {
        expect(limit).toBeLessThan(1_000)
        const words = index === 1 ? 5_000 : 6_000
        expect(tokens).toBeGreaterThan(words * 0.8)
        expect(tokens).toBeLessThan(words * 1.25)
      }
    })

    it('reads the same beginning of a text however long the rest is', async () => {
      const [long, longer] = await encoder.encode([sentence(2_000), sentence(2_000) + ` ${words[0]}`.repeat(100_000)])

      expectClose(longer!, long!)
    })

    it.each([
      ['one word', 'a'.repeat(1_000_000)],
      ['punctuation', '!'.repeat(1_000_000)],
      ['spaces', ' '.repeat(1_000_000)],
      ['surrogate pairs', '😀'.repeat(500_000)],
    ])('gives a defined vector for a megabyte of %s', async (_, text) => {
      const [vector] = await encoder.encode([text])

      expect(vector!.every(Number.isFinite)).toBe(true)
    })

    it('refuses what is not a text, and says where it is', async () => {
      const refused = encoder.encode(['fine', 7 as unknown as string])

      await expect(refused).rejects.toBeInstanceOf(InvalidArgumentError)
      await expect(refused).rejects.toMatchObject({ argument: 'texts[1]' })
      await expect(encoder.encode('text' as unknown as string[])).rejects.toBeInstanceOf(InvalidArgumentError)
    })

    it('rejects at once when the signal is aborted already', async () => {
      const reason = new Error('not needed any more')

      await expect(encoder.encode(texts, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    })

    it('stops when aborted on the way, and goes on to serve others', async () => {
      const abort = new AbortController()
      const reason = new Error('enough')
      const many = Array.from({ length: 20_000 }, (_, i) => `${sentence(12, i)} ${i}`)

      const stopped = encoder.encode(many, { signal: abort.signal })
      const other = encoder.encode([texts[1]!])
      setTimeout(() => abort.abort(reason), 5)

      await expect(stopped).rejects.toBe(reason)
      expectClose((await other)[0]!, (await encoder.encode([texts[1]!]))[0]!)
    })

    it('leaves the event loop free during a long list', async () => {
      const many = Array.from({ length: 4_000 }, (_, i) => `${sentence(15, i)} ${i}`)
      let ticks = 0
      const timer = setInterval(() => ticks++, 1)

      await encoder.encode(many)
      clearInterval(timer)

      expect(ticks).toBeGreaterThanOrEqual(5)
    })

    it('has the same id and the same vectors when it is opened again', async () => {
      const again = await open()

      expect(again.id).toBe(encoder.id)
      expect(again.id).toMatch(/^[a-z]+-[0-9a-f]{16}$/)
      expectClose((await again.encode([texts[3]!]))[0]!, (await encoder.encode([texts[3]!]))[0]!)
      await again.close()
    })

    it('finishes what is under way when closed, can be closed twice, and then refuses', async () => {
      const closing = await open()
      const running = closing.encode(texts)

      await Promise.all([closing.close(), closing.close()])
      await closing.close()

      expect(await running).toHaveLength(texts.length)
      await expect(closing.encode(texts)).rejects.toBeInstanceOf(ClosedError)
    })
  })
}

/** Equal but for the rounding that batching brings. */
export function expectClose(actual: Vector, expected: Vector, tolerance = 1e-5): void {
  expect(actual).toHaveLength(expected.length)
  const difference = Math.max(...actual.map((value, i) => Math.abs(value - expected[i]!)))
  expect(difference).toBeLessThanOrEqual(tolerance)
}
