/** transformers.js as people write it: a `pipeline`, fed batches in the order in which texts come. */
import { basename, dirname } from 'node:path'
import { serveEncoder } from '../harness/serve-encoder.ts'
import { peer } from './package-of.ts'

interface Output {
  readonly dims: readonly number[]
  readonly data: Float32Array
}

interface Transformers {
  readonly env: { allowRemoteModels: boolean; localModelPath: string }
  pipeline(
    task: 'feature-extraction',
    model: string,
    options: object,
  ): Promise<(texts: readonly string[], options: object) => Promise<Output>>
}

serveEncoder(async ({ model, dtype = 'fp32' }) => {
  const { env, pipeline } = await peer<Transformers>('@huggingface/transformers')
  env.allowRemoteModels = false
  env.localModelPath = dirname(model)
  const extract = await pipeline('feature-extraction', basename(model), { dtype, device: 'cpu' })
  return {
    async encode(texts, batch) {
      const vectors: Float32Array[] = []
      for (let at = 0; at < texts.length; at += batch) {
        const { data, dims } = await extract(texts.slice(at, at + batch), { pooling: 'mean', normalize: true })
        const width = dims[1]!
        for (let i = 0; i < dims[0]!; i++) vectors.push(data.subarray(i * width, (i + 1) * width))
      }
      return vectors
    },
  }
})
