import { expect, it } from 'vitest'
import { joinedCalls } from '../../src/store/embedded/joined.ts'

/** Doubles numbers; refuses those below zero; answers when told. */
function doubler({ held = false } = {}) {
  const messages: (readonly number[])[] = []
  const signals: (AbortSignal | undefined)[] = []
  let release!: () => void
  const released = new Promise<void>((resolve) => (release = resolve))
  const calls = joinedCalls<number, number>(async (items, signal) => {
    messages.push(items)
    signals.push(signal)
    if (held) await released
    signal?.throwIfAborted()
    const bad = items.find((item) => item < 0)
    if (bad !== undefined) throw new RangeError(`${bad}`)
    return items.map((item) => 2 * item)
  }, 4)
  return { ...calls, messages, signals, release }
}

it('joins calls of one turn, also those that come a few promises later, and gives each its own', async () => {
  const { call, messages } = doubler()
  const later = async (): Promise<number[]> => {
    await Promise.resolve()
    await Promise.resolve()
    return call([3], undefined)
  }

  const answers = await Promise.all([call([1, 2], undefined), later()])

  expect(answers).toEqual([[2, 4], [6]])
  expect(messages).toEqual([[1, 2, 3]])
})

it('sends so many together at most, a longer list alone, and nothing of the next turn', async () => {
  const { call, messages } = doubler()

  const first = [1, 2, 3, 4, 5].map((item) => call([item], undefined))
  const list = call([6, 7, 8, 9, 10], undefined)
  await new Promise(setImmediate)
  const next = call([11], undefined)

  expect(await Promise.all([...first, list, next])).toEqual([[2], [4], [6], [8], [10], [12, 14, 16, 18, 20], [22]])
  expect(messages).toEqual([[1, 2, 3, 4], [5], [6, 7, 8, 9, 10], [11]])
})

it('sends what waits when it is told to', () => {
  const { call, flush, messages } = doubler()
  void call([1], undefined)
  void call([2], undefined)
  flush()

  expect(messages).toEqual([[1, 2]])
})

it('fails those alone that fail alone', async () => {
  const { call } = doubler()

  const answers = await Promise.allSettled([call([1], undefined), call([-1], undefined), call([2], undefined)])

  expect(answers).toMatchObject([{ value: [2] }, { status: 'rejected', reason: new RangeError('-1') }, { value: [4] }])
})

it('lets go of one that is aborted, and gives up the message when all are', async () => {
  const { call, flush, release, signals } = doubler({ held: true })
  const [one, other, third] = [new AbortController(), new AbortController(), new AbortController()]
  const calls = [call([1], one.signal), call([2], other.signal)]
  flush()
  const beside = [call([3], third.signal), call([4], undefined)]
  flush()

  one.abort(new Error('enough'))
  third.abort(new Error('enough of three'))
  expect(signals.map((signal) => signal?.aborted)).toEqual([false, false])
  other.abort(new Error('enough too'))
  expect(signals.map((signal) => signal?.aborted)).toEqual([true, false])
  release()

  await expect(calls[0]).rejects.toThrow('enough')
  await expect(calls[1]).rejects.toThrow('enough too')
  await expect(beside[0]).rejects.toThrow('enough of three')
  expect(await beside[1]).toEqual([8])
})

it('sends nothing of a call that was aborted before', async () => {
  const { call, messages } = doubler()
  const aborted = AbortSignal.abort(new Error('too late'))

  const answers = await Promise.allSettled([call([1], aborted), call([2], undefined)])

  expect(answers).toMatchObject([{ reason: new Error('too late') }, { value: [4] }])
  expect(messages).toEqual([[2]])
})
