/** How an endpoint is asked and how it answers. */
export interface EndpointProtocol {
  body(texts: readonly string[], settings: { readonly model: string; readonly dimensions: number | undefined }): object
  /** One list of numbers per text, in order; `undefined` when the answer is of another form. */
  vectors(answer: unknown): readonly unknown[] | undefined
}

/** OpenAI's `/v1/embeddings`, which many servers speak; and `/embed` of Hugging Face's Text Embeddings Inference. */
export const protocols = {
  openai: {
    body: (texts, { model, dimensions }) => ({
      model,
      input: texts,
      encoding_format: 'float',
      ...(dimensions !== undefined && { dimensions }),
    }),
    vectors(answer) {
      const { data } = (answer ?? {}) as { data?: { index?: number; embedding?: unknown }[] }
      if (!Array.isArray(data)) return undefined
      const inOrder: unknown[] = []
      // Most servers keep the order; the protocol only promises the index.
      data.forEach((one, i) => (inOrder[one?.index ?? i] = one?.embedding))
      return inOrder.length === data.length ? inOrder : undefined
    },
  },
  tei: {
    body: (texts) => ({ inputs: texts, normalize: true, truncate: true }),
    vectors: (answer) => (Array.isArray(answer) ? answer : undefined),
  },
} as const satisfies Readonly<Record<string, EndpointProtocol>>

export type EndpointProtocolName = keyof typeof protocols
