import { ClosedError, PilotfishError } from '../../errors.ts'
import { exitGate } from '../../exit-gate.ts'
import { startWorker, type WorkerClient } from '../../worker.ts'
import { gatherCalls, type Gatherer } from './gather.ts'
import type { EncodeRequest, EncodeResult, LoadRequest } from './protocol.ts'

/** One user's hold on a model that is loaded in a worker. */
export interface SharedModel {
  /** Joins the calls of all users of the model. */
  readonly calls: Gatherer
  request<T>(method: string, argument: unknown): Promise<T>
  /** A hold for another user. @throws ClosedError when this one was given up */
  share(): SharedModel
  /** One user less; the last one ends the worker. Safe to call twice. */
  leave(): Promise<void>
}

interface Loaded {
  readonly worker: Promise<WorkerClient>
  readonly calls: Gatherer
  users: number
}

/** Models that are loaded: the query and the document side of one model, and its experts, share its session and its memory. */
const loaded = new Map<string, Loaded>()

export function shareModel(request: Omit<LoadRequest, 'gate'>): SharedModel {
  const key = JSON.stringify(request)
  const known = loaded.get(key)
  if (known) return hold(key, known)
  const worker = loadModel(request)
  const calls = gatherCalls((texts, handles) => ask<EncodeResult>(key, model, 'encode', { texts, handles } satisfies EncodeRequest))
  const model: Loaded = { worker, calls, users: 0 }
  loaded.set(key, model)
  return hold(key, model)
}

function hold(key: string, model: Loaded): SharedModel {
  let left: Promise<void> | undefined
  model.users++
  return {
    calls: model.calls,
    request: (method, argument) => ask(key, model, method, argument),
    share() {
      if (left) throw new ClosedError('The ONNX encoder')
      return hold(key, model)
    },
    leave() {
      left ??= (async () => {
        if (--model.users > 0) return
        forget(key, model)
        await (await model.worker.catch(() => undefined))?.close()
      })()
      return left
    },
  }
}

function forget(key: string, model: Loaded): void {
  if (loaded.get(key) === model) loaded.delete(key)
}

async function ask<T>(key: string, model: Loaded, method: string, argument: unknown): Promise<T> {
  try {
    return await (await model.worker).request<T>(method, argument)
  } catch (error) {
    // A worker that is gone must not be joined by later encoders.
    if (PilotfishError.is(error) && error.code === 'WORKER_FAILED') forget(key, model)
    throw error
  }
}

async function loadModel(request: Omit<LoadRequest, 'gate'>): Promise<WorkerClient> {
  // Native code reads the real environment, which a worker cannot change.
  process.env.ORT_DISABLE_TELEMETRY ??= '1'
  const { gate, release } = exitGate()
  const worker = startWorker('onnx encoder', './encoder/onnx/worker.ts', 'onnx-worker')
  const close = (): Promise<void> => worker.close().finally(release)
  try {
    await worker.request('load', { ...request, gate } satisfies LoadRequest)
    return { ...worker, close }
  } catch (error) {
    await close()
    throw error
  }
}
