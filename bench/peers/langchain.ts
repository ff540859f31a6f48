/** LangChain community's HuggingFaceTransformersEmbeddings. */
import { basename, dirname } from 'node:path'
import { serveEncoder } from '../harness/serve-encoder.ts'
import { peer } from './package-of.ts'

interface Embeddings {
  batchSize: number
  embedDocuments(texts: readonly string[]): Promise<number[][]>
  embedQuery(text: string): Promise<number[]>
}

interface Community {
  readonly HuggingFaceTransformersEmbeddings: new (fields: { model: string; pretrainedOptions: object }) => Embeddings
}

serveEncoder(async ({ model }) => {
  const { env } = await peer<{ env: { allowRemoteModels: boolean; localModelPath: string } }>('@huggingface/transformers')
  env.allowRemoteModels = false
  env.localModelPath = dirname(model)
  const { HuggingFaceTransformersEmbeddings } = await peer<Community>('@langchain/community/embeddings/huggingface_transformers')
  const embeddings = new HuggingFaceTransformersEmbeddings({
    model: basename(model),
    pretrainedOptions: { dtype: 'fp32', device: 'cpu' },
  })
  return {
    async encode(texts, batch) {
      if (texts.length === 1) return [await embeddings.embedQuery(texts[0]!)]
      // The constructor does not take it.
      embeddings.batchSize = batch
      return embeddings.embedDocuments(texts)
    },
  }
})
