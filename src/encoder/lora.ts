import type { Encoder } from './encoder.ts'
import type { LoraWeights } from './lora/weights.ts'
import { adaptedView } from './onnx/view-encoder.ts'

/**
 * An expert that is a low-rank change (LoRA, Hu et al. 2021) of an ONNX encoder. It shares the session and the memory of its base with
 * all other experts of it: a few hundred kilobytes each, and texts for the base and for any experts travel in one batch.
 *
 * The first one replaces the base's session by one with side branches, which takes about as long as opening the model; later ones only when they
 * change layers that no other does. Closing it frees its weights and leaves the base and the other experts as they are.
 * @param base What `onnxEncoder` gave. It may be closed while its experts are in use.
 * @throws InvalidArgumentError, AdapterMismatchError, UnsupportedGraphError, ClosedError
 */
export async function loraEncoder(base: Encoder, weights: LoraWeights): Promise<Encoder> {
  return adaptedView(base, weights)
}
