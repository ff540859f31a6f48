import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { LoraWeights } from '../../../src/encoder/lora/weights.ts'
import { modelPool, type ModelPool } from '../../../src/encoder/onnx/model-pool.ts'
import type { EncodeRequest, LoadRequest } from '../../../src/encoder/onnx/protocol.ts'
import { InvalidModelError, WorkerFailedError } from '../../../src/errors.ts'

/** Stands for a worker: answers with its own number and keeps what it was asked. */
interface FakeSession {
  readonly number: number
  readonly request: Omit<LoadRequest, 'gate'>
  readonly asked: { method: string; argument: { readonly handle?: number } }[]
  /** Makes the next request of this kind fail. */
  failing: { method: string; error: Error } | undefined
  closed: boolean
}

const sessions: FakeSession[] = []
let refusal: ((number: number) => Error | undefined) | undefined
vi.mock('../../../src/encoder/onnx/session-worker.ts', () => ({
  async startSession(request: Omit<LoadRequest, 'gate'>) {
    const session: FakeSession = { number: sessions.length, request, asked: [], failing: undefined, closed: false }
    sessions.push(session)
    const refused = refusal?.(session.number)
    if (refused) throw refused
    return {
      hash: 'hash',
      plan: { latency: 2, throughput: { workers: 2, threads: 1 } },
      async request(method: string, argument: { readonly handle?: number }) {
        session.asked.push({ method, argument })
        if (session.failing?.method === method) throw session.failing.error
        if (method === 'open') return { handle: argument.handle, id: 'id', dimensions: 1, maxTokens: 64 }
        if (method !== 'encode') return undefined
        const { texts } = argument as unknown as EncodeRequest
        return { vectors: new Float32Array(texts.length).fill(session.number), truncated: texts.map(() => undefined) }
      },
      async close() {
        session.closed = true
      },
    }
  },
}))

const weights = { scaling: 1, modules: [] } satisfies LoraWeights
const list = Array.from({ length: 100 }, (_, i) => `${'x'.repeat(400)} ${i}`)
const turns = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate)
}
/** Which sessions encoded a list. */
async function servers(pool: ModelPool, handle = 0): Promise<Set<number>> {
  const vectors = await pool.calls.encode({ handle, dimensions: 1, maxTokens: 512 }, list)
  return new Set(vectors.map(([session]) => session!))
}
const methods = (session: number, kind?: string): string[] =>
  sessions[session]!.asked.map(({ method, argument }) => `${method} ${argument.handle ?? ''}`.trim()).filter(
    (asked) => !kind || asked.startsWith(kind),
  )
let lost = 0
const pool = (threads = 2): ModelPool => modelPool({ directory: 'd', path: 'p', threads }, () => lost++)

beforeEach(() => {
  sessions.length = 0
  refusal = undefined
  lost = 0
})

describe('modelPool', () => {
  it('starts one session, and those for long lists when the first comes', async () => {
    const model = pool()
    await model.open({})
    await model.calls.encode({ handle: 0, dimensions: 1, maxTokens: 512 }, ['a question'])
    await turns()
    expect(sessions).toHaveLength(1)

    expect(await servers(model)).toContain(0)
    await turns()

    expect(sessions).toHaveLength(3)
    expect(sessions[1]!.request.beside).toEqual({ threads: 1, hash: 'hash' })
    expect(await servers(model)).toEqual(new Set([1, 2]))
  })

  it('never starts another with one thread', async () => {
    const model = pool(1)
    await model.open({})
    await servers(model)
    await turns()

    expect(await servers(model)).toEqual(new Set([0]))
    expect(sessions).toHaveLength(1)
  })

  it('teaches each session the ways that are asked of it, under the same numbers, those from before its start too', async () => {
    const model = pool()
    await model.open({})
    const expert = await model.adapt(0, weights)
    await servers(model)
    await turns()
    const later = await model.adapt(0, weights)

    await servers(model, expert)
    await servers(model, later)

    expect([expert, later]).toEqual([1, 2])
    expect(methods(0, 'adapt')).toEqual(['adapt 1', 'adapt 2'])
    for (const session of [1, 2]) expect(methods(session).filter((asked) => asked !== 'encode')).toEqual(['open 0', 'adapt 1', 'adapt 2'])
  })

  it('forgets an expert everywhere it is known', async () => {
    const model = pool()
    await model.open({})
    const expert = await model.adapt(0, weights)
    await servers(model)
    await turns()
    await servers(model, expert)

    await model.forget(expert)
    await model.forget(await model.adapt(0, weights))

    expect(methods(0, 'forget')).toEqual(['forget 1', 'forget 2'])
    for (const session of [1, 2]) expect(methods(session, 'forget')).toEqual(['forget 1'])
  })

  it('teaches nobody what the first session refuses', async () => {
    const model = pool()
    await model.open({})
    await servers(model)
    await turns()
    sessions[0]!.failing = { method: 'adapt', error: new InvalidModelError('p', 'has no such layer') }

    await expect(model.adapt(0, weights)).rejects.toThrow('no such layer')

    await servers(model)
    for (const session of [1, 2]) expect(methods(session, 'adapt')).toEqual([])
  })

  it('does without a session that cannot learn what the first could, and answers all the same', async () => {
    const model = pool()
    await model.open({})
    const expert = await model.adapt(0, weights)
    await servers(model)
    await turns()
    sessions[1]!.failing = { method: 'adapt', error: new InvalidModelError('p', 'was changed since it was opened') }

    expect(await servers(model, expert)).not.toContain(1)

    expect(sessions[1]!.closed).toBe(true)
    expect(await servers(model, expert)).toEqual(new Set([2]))
    expect(lost).toBe(0)
  })

  it('goes on with the first session where others do not start', async () => {
    refusal = (number) => (number > 0 ? new InvalidModelError('p', 'was changed since it was opened') : undefined)
    const model = pool()
    await model.open({})
    await servers(model)
    await turns()

    expect(await servers(model)).toEqual(new Set([0]))
    await model.close()
  })

  it('fails the call whose session died, and serves the next by the others', async () => {
    const model = pool()
    await model.open({})
    await servers(model)
    await turns()
    sessions[2]!.failing = { method: 'encode', error: new WorkerFailedError('onnx encoder', undefined) }

    await expect(servers(model)).rejects.toMatchObject({ code: 'WORKER_FAILED' })

    expect(await servers(model)).toEqual(new Set([1]))
    expect(lost).toBe(0)
  })

  it('says when the first session is gone', async () => {
    const model = pool()
    await model.open({})
    sessions[0]!.failing = { method: 'encode', error: new WorkerFailedError('onnx encoder', undefined) }

    await expect(servers(model)).rejects.toMatchObject({ code: 'WORKER_FAILED' })

    expect(lost).toBe(1)
  })

  it('closes all sessions, those that are starting too', async () => {
    const model = pool()
    await model.open({})
    await servers(model)

    await Promise.all([model.close(), model.close()])

    expect(sessions.length).toBeGreaterThan(1)
    for (const { closed } of sessions) expect(closed).toBe(true)
  })
})
