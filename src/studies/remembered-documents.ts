import type { Encoder } from '../encoder/encoder.ts'
import type { Vector } from '../vector.ts'

/** Texts that are remembered, of all encoders together: some hundred megabytes of vectors. */
const most = 200_000

/** Document encoders that remember what they have embedded: a study fills several collections with the same documents. */
export function rememberedDocuments(): (encoder: Encoder) => Encoder {
  const known = new Map<string, Map<string, Vector>>()
  let count = 0
  return (encoder) => {
    const vectors = known.get(encoder.id) ?? new Map<string, Vector>()
    known.set(encoder.id, vectors)
    return {
      ...encoder,
      id: encoder.id,
      dimensions: encoder.dimensions,
      async encode(texts, options) {
        const fresh = [...new Set(texts.filter((text) => !vectors.has(text)))]
        const encoded = fresh.length === 0 ? [] : await encoder.encode(fresh, options)
        const now = new Map(fresh.map((text, i) => [text, encoded[i]!]))
        const answers = texts.map((text) => vectors.get(text) ?? now.get(text)!)
        for (const [text, vector] of now) if (count++ < most) vectors.set(text, vector)
        return answers
      },
      close: () => encoder.close(),
    }
  }
}
