import { join } from 'node:path'
import { Worker } from 'node:worker_threads'

/** A batch of token ids, to be padded with zeros. */
export interface Feeds {
  readonly ids: readonly (readonly number[])[]
  readonly width: number
}

export interface SessionPlan {
  readonly threads: number
  /** Threads wait for work by spinning while a run goes on. */
  readonly spin: boolean
}

/** A bare onnxruntime session in a thread. */
export interface BareSession {
  /** Takes batches to hold, before time runs. */
  hold(batches: readonly Feeds[]): Promise<unknown>
  /** Runs one of them by its place. Its output stays where it is. */
  run(place: number): Promise<unknown>
}

export async function bareSession(model: string, dtype: 'fp32' | 'int8', { threads, spin }: SessionPlan): Promise<BareSession> {
  const path = join(model, `onnx/model${dtype === 'fp32' ? '' : '_int8'}.onnx`)
  const worker = new Worker(new URL('./bare-session.mjs', import.meta.url), { workerData: { path, threads, spin } })
  const answer = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
  const post = (message: unknown): Promise<unknown> => {
    const answered = answer()
    worker.postMessage(message)
    return answered
  }
  await answer()
  return { hold: post, run: post }
}

/** One batch of its longest text's width. */
export function feeds(ids: readonly (readonly number[])[]): Feeds {
  return { ids, width: Math.max(...ids.map(({ length }) => length)) }
}
