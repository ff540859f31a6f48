/** LlamaIndex's HuggingFaceEmbedding, which embeds one text at a time whatever its `embedBatchSize`. */
import { basename, dirname } from 'node:path'
import { serveEncoder } from '../harness/serve-encoder.ts'
import { peer } from './package-of.ts'

interface Embedding {
  embedBatchSize: number
  getTextEmbeddingsBatch(texts: readonly string[]): Promise<number[][]>
  getTextEmbedding(text: string): Promise<number[]>
}

interface LlamaIndex {
  readonly HuggingFaceEmbedding: new (params: { modelType: string; modelOptions: object }) => Embedding
}

serveEncoder(async ({ model }) => {
  const { HuggingFaceEmbedding } = await peer<LlamaIndex>('@llamaindex/huggingface')
  const { env } = await peer<{ env: { allowRemoteModels: boolean; localModelPath: string } }>('@huggingface/transformers')
  env.allowRemoteModels = false
  env.localModelPath = dirname(model)
  const embedding = new HuggingFaceEmbedding({ modelType: basename(model), modelOptions: { dtype: 'fp32', device: 'cpu' } })
  return {
    async encode(texts, batch) {
      if (texts.length === 1) return [await embedding.getTextEmbedding(texts[0]!)]
      embedding.embedBatchSize = batch
      return embedding.getTextEmbeddingsBatch(texts)
    },
  }
})
