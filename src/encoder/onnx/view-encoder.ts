import { ClosedError, InvalidArgumentError } from '../../errors.ts'
import type { Encoder } from '../encoder.ts'
import { fingerprint } from '../fingerprint.ts'
import type { LoraWeights } from '../lora/weights.ts'
import { requireTexts } from '../texts.ts'
import type { OpenResult } from './protocol.ts'
import type { SharedModel } from './shared-model.ts'

/** How encoders made here use their models. */
const views = new WeakMap<Encoder, { readonly shared: SharedModel; readonly view: OpenResult }>()

/** An encoder that uses a loaded model in one way, and gives that up when it is closed. */
export function viewEncoder(shared: SharedModel, view: OpenResult): Encoder {
  const encoder = encoderOf(shared, view, 'The ONNX encoder', async () => {})
  views.set(encoder, { shared, view })
  return encoder
}

/** An encoder that uses the model of another in the same way, but changed. */
export async function adaptedView(base: Encoder, weights: LoraWeights): Promise<Encoder> {
  const behind = views.get(base)
  if (!behind)
    throw new InvalidArgumentError('base', 'is no ONNX model of this process', 'Give what onnxEncoder() gave, not an encoder around it.')
  const shared = behind.shared.share()
  try {
    const handle = await shared.adapt(behind.view.handle, weights)
    const view = { ...behind.view, handle, id: idOf(base, weights) }
    return encoderOf(shared, view, 'The LoRA encoder', () => shared.forget(handle))
  } catch (error) {
    await shared.leave()
    throw error
  }
}

function encoderOf(shared: SharedModel, view: OpenResult, name: string, giveUp: () => Promise<void>): Encoder {
  const { id, dimensions } = view
  const running = new Set<Promise<unknown>>()
  let closing: Promise<void> | undefined
  return {
    id,
    dimensions,
    async encode(texts, options) {
      if (closing) throw new ClosedError(name)
      requireTexts(texts)
      const call = shared.calls.encode(view, texts, options)
      running.add(call)
      try {
        return await call
      } finally {
        running.delete(call)
      }
    },
    close() {
      closing ??= (async () => {
        await Promise.allSettled(running)
        try {
          await giveUp()
        } finally {
          await shared.leave()
        }
      })()
      return closing
    },
  }
}

/** The same whatever the order in which modules are listed. */
function idOf(base: Encoder, { scaling, modules }: LoraWeights): string {
  const sorted = modules.toSorted((one, other) => (one.module < other.module ? -1 : 1))
  const bytes = (values: Float32Array): Uint8Array => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  return fingerprint(
    'lora',
    base.id,
    ...sorted.flatMap(({ module, rank, a, b, scaling: own = scaling }) => [{ module, rank, scaling: own }, bytes(a), bytes(b)]),
  )
}
