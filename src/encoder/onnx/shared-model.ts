import { ClosedError } from '../../errors.ts'
import { modelPool, type ModelPool } from './model-pool.ts'
import type { LoadRequest } from './protocol.ts'

/** One user's hold on a model that is loaded in workers. */
export interface SharedModel extends Omit<ModelPool, 'close'> {
  /** A hold for another user. @throws ClosedError when this one was given up */
  share(): SharedModel
  /** One user less; the last one ends the workers. Safe to call twice. */
  leave(): Promise<void>
}

interface Loaded {
  readonly pool: ModelPool
  users: number
}

/** Models that are loaded: the query and the document side of one model, and its experts, share its sessions and their memory. */
const loaded = new Map<string, Loaded>()

export function shareModel(request: Omit<LoadRequest, 'gate' | 'beside'>): SharedModel {
  const key = JSON.stringify(request)
  const known = loaded.get(key)
  if (known) return hold(key, known)
  // A worker that is gone must not be joined by later encoders.
  const model: Loaded = { pool: modelPool(request, () => forget(key, model)), users: 0 }
  loaded.set(key, model)
  return hold(key, model)
}

function hold(key: string, model: Loaded): SharedModel {
  const { close, ...pool } = model.pool
  let left: Promise<void> | undefined
  model.users++
  return {
    ...pool,
    share() {
      if (left) throw new ClosedError('The ONNX encoder')
      return hold(key, model)
    },
    leave() {
      left ??= (async () => {
        if (--model.users > 0) return
        forget(key, model)
        await close()
      })()
      return left
    },
  }
}

function forget(key: string, model: Loaded): void {
  if (loaded.get(key) === model) loaded.delete(key)
}
