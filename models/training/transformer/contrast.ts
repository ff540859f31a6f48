import { infoNce } from '../../../src/train/info-nce.ts'

/**
 * Symmetric contrastive loss of a block, and its gradient with respect to the vectors.
 * @param vectors Unit vectors of the queries, then of their answers.
 */
export function contrast(
  vectors: Float32Array,
  hidden: number,
  { size, masked }: { readonly size: number; readonly masked: Uint8Array },
  temperature: number,
): { loss: number; upstream: Float32Array } {
  const cosines = new Float32Array(size * size)
  const queries = vectors.subarray(0, size * hidden)
  const documents = vectors.subarray(size * hidden)
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      let sum = 0
      for (let d = 0; d < hidden; d++) sum += queries[i * hidden + d]! * documents[j * hidden + d]!
      cosines[i * size + j] = sum
    }
  }
  const targets = Uint32Array.from({ length: size }, (_, i) => i)
  const loss = infoNce(cosines, { rows: size, columns: size, targets, masked, temperature, symmetric: true })
  const upstream = new Float32Array(vectors.length)
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const slope = cosines[i * size + j]!
      for (let d = 0; d < hidden; d++) {
        upstream[i * hidden + d]! += slope * documents[j * hidden + d]!
        upstream[(size + j) * hidden + d]! += slope * queries[i * hidden + d]!
      }
    }
  }
  return { loss, upstream }
}
