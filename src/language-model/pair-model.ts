import { startModel, type LocalModelOptions } from './model-worker.ts'
import type { PairRequest, PairResult } from './protocol.ts'

/** A classifier of text pairs in a worker of its own. */
export interface PairModel {
  readonly id: string
  readonly window: number
  score(
    pairs: PairRequest['pairs'],
    options?: { readonly signal?: AbortSignal; readonly onProgress?: (done: number) => void },
  ): Promise<PairResult>
  close(): Promise<void>
}

/** @throws MissingPackageError, ModelNotFoundError, InvalidModelError, InvalidArgumentError, DownloadError, OfflineError */
export async function pairModel(source: string, options: LocalModelOptions = {}): Promise<PairModel> {
  const { id, window, worker } = await startModel(source, 'pair', options)
  return {
    id,
    window,
    score: (pairs, { signal, onProgress } = {}) =>
      worker.request<PairResult>('pairs', { pairs } satisfies PairRequest, { signal, onReport: (done) => onProgress?.(done as number) }),
    close: () => worker.close(),
  }
}
