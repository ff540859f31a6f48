import type { Encoder } from '../encoder/encoder.ts'
import type { Vector } from '../vector.ts'
import { takingTurns } from './turns.ts'

/** Vectors of texts, and which of the texts the encoder read only the beginning of. */
export interface EncodedTexts {
  readonly vectors: ReadonlyMap<string, Vector>
  readonly truncated: ReadonlySet<string>
}

/** Texts that are encoded at a time: some encoders do so on this thread. */
const blockSize = 128

/** Encodes each text once. */
export async function encodeTexts(encoder: Encoder, texts: Iterable<string>, signal?: AbortSignal): Promise<EncodedTexts> {
  const distinct = [...new Set(texts)]
  const vectors = new Map<string, Vector>()
  const truncated = new Set<string>()
  const breathe = takingTurns(signal)
  for (let from = 0; from < distinct.length; from += blockSize) {
    const block = distinct.slice(from, from + blockSize)
    const found = await encoder.encode(block, {
      onTruncated: ({ index }) => void truncated.add(block[index]!),
      ...(signal && { signal }),
    })
    block.forEach((text, i) => vectors.set(text, found[i]!))
    await breathe()
  }
  return { vectors, truncated }
}

/** Encodes the candidates of samples; lists that are shared by samples are encoded once, and remembered as long as someone holds them. */
export function candidateVectors(encoder: Encoder) {
  const known = new WeakMap<readonly string[], { readonly vectors: readonly Vector[]; readonly truncated: number }>()
  return {
    async prepare(lists: Iterable<readonly string[]>, signal?: AbortSignal): Promise<void> {
      const missing = [...new Set(lists)].filter((list) => !known.has(list))
      const { vectors, truncated } = await encodeTexts(encoder, missing.flat(), signal)
      for (const list of missing) {
        const cut = list.filter((text) => truncated.has(text)).length
        known.set(list, { vectors: list.map((text) => vectors.get(text)!), truncated: cut })
      }
    },
    /** Of lists that were prepared. */
    of: (list: readonly string[]) => known.get(list)!,
  }
}
