import { describe, expect, it } from 'vitest'
import { gatherCalls } from '../../../src/encoder/onnx/gather.ts'
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
  const calls = gatherCalls(async (texts, handles) => {
    passes.push(texts.map((text, i) => [text, handles[i]!]))
    const vectors = texts.flatMap((text, i) => (handles[i] === expert.handle ? [text.length, text.length] : [text.length]))
    return { vectors: Float32Array.from(vectors), truncated: texts.map(() => undefined), ...extra(texts) }
  })
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
