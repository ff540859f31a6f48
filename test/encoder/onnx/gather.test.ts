import { describe, expect, it } from 'vitest'
import { gatherCalls, type Gatherer, type Lane } from '../../../src/encoder/onnx/gather.ts'
import type { EncodeResult } from '../../../src/encoder/onnx/protocol.ts'
import { describeError, InvalidModelError } from '../../../src/errors.ts'

/** Ways to use a model, of one and of two dimensions. */
const [base, expert] = [
  { handle: 0, dimensions: 1, maxTokens: 64 },
  { handle: 3, dimensions: 2, maxTokens: 64 },
]

/** A model that gives a text's length, in both dimensions if its way has two, and keeps what it was asked. */
function lengths(extra: (texts: readonly string[]) => Partial<EncodeResult> = () => ({})): {
  passes: [string, number][][]
  calls: ReturnType<typeof gatherCalls>
} {
  const passes: [string, number][][] = []
  const run: Lane['run'] = async (texts, handles) => {
    passes.push(texts.map((text, i) => [text, handles[i]!]))
    const vectors = texts.flatMap((text, i) => (handles[i] === expert.handle ? [text.length, text.length] : [text.length]))
    return { vectors: Float32Array.from(vectors), truncated: texts.map(() => undefined), ...extra(texts) }
  }
  const calls = gatherCalls({ latency: { run }, throughput: () => [], wanted: () => {} })
  return { passes, calls }
}

describe('gatherCalls', () => {
  it('joins what is asked at once of a model, in whatever way, into one pass', async () => {
    const { passes, calls } = lengths()

    const answers = await Promise.all([calls.encode(base, ['a', 'bbb']), calls.encode(expert, ['cc']), calls.encode(base, ['dddd'])])

    expect(passes).toHaveLength(1)
    expect(passes[0]).toContainEqual(['cc', expert.handle])
    expect(answers.map((vectors) => vectors.map((vector) => [...vector]))).toEqual([[[1], [3]], [[2, 2]], [[4]]])
  })

  it('lets a query of one expert pass by a long list of the base', async () => {
    const { passes, calls } = lengths()
    const list = calls.encode(
      base,
      Array.from({ length: 2_000 }, () => 'x'.repeat(50)),
    )
    await Promise.resolve()

    await calls.encode(expert, ['q'])

    expect(passes.length).toBeLessThan(4)
    await list
    expect(passes.flat()).toHaveLength(2_001)
  })

  it('fails the call alone whose text failed, once and for all its texts', async () => {
    const { passes, calls } = lengths((texts) => {
      const positions = texts.flatMap((text, i) => (text.startsWith('bad') ? [i] : []))
      return positions.length > 0 ? { failed: { positions, error: describeError(new InvalidModelError('m', 'fails')) } } : {}
    })

    const [good, bad] = await Promise.allSettled([
      calls.encode(base, ['good']),
      calls.encode(expert, ['bad', ...Array.from({ length: 500 }, () => 'x'.repeat(320))].toReversed()),
    ])

    expect(good.status).toBe('fulfilled')
    expect(bad).toMatchObject({ reason: { code: 'INVALID_MODEL' } })
    const sent = passes.length
    await calls.encode(base, ['more'])
    expect(passes.length).toBe(sent + 1)
  })
})

describe('gatherCalls with sessions for long lists', () => {
  const turn = (): Promise<void> => new Promise(setImmediate)
  /** Sessions that finish a piece when they are told to, and what they were given: the first is that for queries. */
  function sessions(count: number): { calls: Gatherer; given: string[][][]; finish(session: number): Promise<boolean>; asked(): number } {
    const given: string[][][] = []
    const ends: (() => void)[][] = []
    let asked = 0
    const lane = (session: number): Lane => {
      given[session] = []
      ends[session] = []
      return {
        async run(texts) {
          given[session]!.push([...texts])
          await new Promise<void>((resolve) => ends[session]!.push(resolve))
          return { vectors: Float32Array.from(texts, ({ length }) => length), truncated: texts.map(() => undefined) }
        },
      }
    }
    const [latency, ...throughput] = Array.from({ length: count + 1 }, (_, session) => lane(session))
    const calls = gatherCalls({ latency: latency!, throughput: () => throughput, wanted: () => asked++ })
    return {
      calls,
      given,
      async finish(session) {
        const end = ends[session]!.shift()
        end?.()
        await turn()
        return end !== undefined
      },
      asked: () => asked,
    }
  }
  const list = Array.from({ length: 200 }, (_, i) => 'x'.repeat(200 + (i % 50)))

  it('keeps a next piece waiting at each, and gives the first none', async () => {
    const { calls, given, asked } = sessions(2)

    const answer = calls.encode(base, list)
    await turn()

    expect(given.map((pieces) => pieces.length)).toEqual([0, 2, 2])
    expect(asked()).toBeGreaterThan(0)
    void answer
  })

  it('gives every text once, in pieces that get smaller to the end, each of texts of like length', async () => {
    const { calls, given, finish } = sessions(2)
    const answer = calls.encode(base, list)
    await turn()

    while ((await finish(1)) || (await finish(2)));

    expect((await answer).map(([length]) => length)).toEqual(list.map(({ length }) => length))
    expect(given.flat(2).toSorted()).toEqual(list.toSorted())
    const pieces = [...given[1]!, ...given[2]!].sort((a, b) => b[0]!.length - a[0]!.length)
    expect(pieces[0]!.length).toBeGreaterThan(pieces.at(-1)!.length * 2)
    for (const piece of pieces) expect(piece[0]!.length - piece.at(-1)!.length).toBeLessThan(20)
  })

  it('answers a query at once while all others are busy', async () => {
    const { calls, given, finish } = sessions(2)
    void calls.encode(base, list)
    await turn()

    const query = calls.encode(base, ['who'])
    await turn()
    await finish(0)

    expect(given[0]).toEqual([['who']])
    expect([...(await query)[0]!]).toEqual([3])
  })

  it('gives a single query to the first, and shares a crowd of them among the others', async () => {
    const { calls, given, finish } = sessions(2)
    void calls.encode(base, ['alone'])
    await turn()
    await finish(0)

    const crowd = Array.from({ length: 32 }, (_, i) => `a question of some length, number ${i}`)
    const answers = crowd.map((text) => calls.encode(base, [text]))
    await turn()

    expect(given[0]).toEqual([['alone']])
    expect(Math.abs(given[1]![0]!.length - given[2]![0]!.length)).toBeLessThan(4)
    // Half of them, so that what is embedded can be searched while the others are.
    expect(given[1]![0]!.length + given[2]![0]!.length).toBeGreaterThan(12)
    expect(given[1]![0]!.length + given[2]![0]!.length).toBeLessThan(24)
    while ((await finish(1)) || (await finish(2)));
    expect(await Promise.all(answers)).toHaveLength(32)
    expect(given.slice(1).flat(2).toSorted()).toEqual(crowd.toSorted())
  })

  it('lets queries that come while others run travel together next', async () => {
    const { calls, given, finish } = sessions(2)
    void calls.encode(base, ['first'])
    await turn()
    const later = ['b', 'c', 'd'].map((text) => calls.encode(base, [text]))
    await turn()
    expect(given[0]).toHaveLength(1)

    await finish(0)

    expect(given[0]![1]!.toSorted()).toEqual(['b', 'c', 'd'])
    await finish(0)
    expect(await Promise.all(later)).toHaveLength(3)
  })

  it('drops what is left of a call that is aborted', async () => {
    const { calls, given, finish } = sessions(1)
    const abort = new AbortController()
    const stopped = calls.encode(base, list, { signal: abort.signal })
    await turn()

    abort.abort(new Error('enough'))
    await expect(stopped).rejects.toThrow('enough')
    await finish(1)
    await finish(1)

    expect(given[1]).toHaveLength(2)
  })
})
