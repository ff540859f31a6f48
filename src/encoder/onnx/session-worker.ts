import { exitGate } from '../../exit-gate.ts'
import { startWorker, type WorkerClient } from '../../worker.ts'
import type { LoadRequest, LoadResult } from './protocol.ts'

/** A worker with a session of a model, and what it found in the file. */
export interface SessionWorker extends LoadResult, WorkerClient {}

/** @throws MissingPackageError, UnsupportedError, InvalidModelError, ModelNotFoundError */
export async function startSession(request: Omit<LoadRequest, 'gate'>): Promise<SessionWorker> {
  // Native code reads the real environment, which a worker cannot change.
  process.env.ORT_DISABLE_TELEMETRY ??= '1'
  const { gate, release } = exitGate()
  const worker = startWorker('onnx encoder', './encoder/onnx/worker.ts', 'onnx-worker')
  const close = (): Promise<void> => worker.close().finally(release)
  try {
    const loaded = await worker.request<LoadResult>('load', { ...request, gate } satisfies LoadRequest)
    return { ...worker, ...loaded, close }
  } catch (error) {
    await close()
    throw error
  }
}
