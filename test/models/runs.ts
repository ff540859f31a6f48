import * as ort from 'onnxruntime-node'
import type { OnnxModel } from '../../src/onnx/model.ts'
import { writeOnnx } from '../../src/onnx/protobuf.ts'

/** Runs an encoder on texts of tokens, padded to the longest or to `padTo`; gives each text's token vectors, and whether all was finite. */
export async function runEncoder(
  model: OnnxModel,
  texts: readonly (readonly number[])[],
  { padId, padTo: width = Math.max(...texts.map(({ length }) => length)) }: { readonly padId: number; readonly padTo?: number },
): Promise<{ readonly texts: (Float32Array | Float64Array)[]; readonly finite: boolean }> {
  const session = await ort.InferenceSession.create(writeOnnx(model), { intraOpNumThreads: 1, logSeverityLevel: 4 })
  const matrix = (value: (text: readonly number[], i: number) => number): ort.Tensor =>
    new ort.Tensor(
      'int64',
      BigInt64Array.from({ length: texts.length * width }, (_, k) => BigInt(value(texts[Math.floor(k / width)]!, k % width))),
      [texts.length, width],
    )
  const given: Record<string, ort.Tensor> = {
    input_ids: matrix((text, i) => text[i] ?? padId),
    attention_mask: matrix((text, i) => (i < text.length ? 1 : 0)),
    token_type_ids: matrix(() => 0),
  }
  const feeds = Object.fromEntries(session.inputNames.map((name) => [name, given[name]!]))
  const { last_hidden_state: output } = await session.run(feeds)
  await session.release()
  const values = output!.data as Float32Array | Float64Array
  const side = output!.dims[2]!
  return {
    texts: texts.map((text, t) => values.slice(t * width * side, (t * width + text.length) * side)),
    finite: values.every((value) => Number.isFinite(value)),
  }
}

/** Two texts of ids, one far shorter than the other. */
export const twoTexts: readonly (readonly number[])[] = [40, 7].map((length, t) =>
  Array.from({ length }, (_, i) => 5 + ((i * 7 * (t + 1)) % 300)),
)

/** Mean over a text's tokens. */
export function meanOf(text: ArrayLike<number>, width: number): number[] {
  const count = text.length / width
  return Array.from(
    { length: width },
    (_, j) => Array.from({ length: count }, (_token, i) => text[i * width + j]!).reduce((a, b) => a + b, 0) / count,
  )
}

/** Largest difference of two lists of numbers. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  let largest = 0
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!))
  return largest
}

export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [ab, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!
    aa += a[i]! ** 2
    bb += b[i]! ** 2
  }
  return ab / Math.sqrt(aa * bb)
}
