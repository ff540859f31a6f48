/** fastembed with a custom model. It takes the first token's vector, whatever the model's files say, and pads every text to `maxLength`. */
import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { serveEncoder } from '../harness/serve-encoder.ts'
import { peer } from './package-of.ts'

interface FastEmbed {
  readonly EmbeddingModel: { readonly CUSTOM: string }
  readonly FlagEmbedding: {
    init(options: object): Promise<{ embed(texts: readonly string[], batchSize: number): AsyncIterable<number[][]> }>
  }
}

serveEncoder(async ({ model }) => {
  const { EmbeddingModel, FlagEmbedding } = await peer<FastEmbed>('fastembed')
  const embedding = await FlagEmbedding.init({
    model: EmbeddingModel.CUSTOM,
    modelAbsoluteDirPath: layout(model),
    modelName: 'model.onnx',
    // Texts of the benchmark have no more; its default of 512 takes twice as long.
    maxLength: 256,
  })
  return {
    async encode(texts, batch) {
      const vectors: number[][] = []
      for await (const some of embedding.embed(texts, batch)) vectors.push(...some)
      return vectors
    },
  }
})

/** The model as fastembed wants it to lie: flat, with a list of special tokens. */
function layout(model: string): string {
  const directory = `${model}-fastembed`
  if (existsSync(join(directory, 'special_tokens_map.json'))) return directory
  mkdirSync(directory, { recursive: true })
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) copyFileSync(join(model, name), join(directory, name))
  if (!existsSync(join(directory, 'model.onnx'))) symlinkSync(resolve(model, 'onnx/model.onnx'), join(directory, 'model.onnx'))
  const special = { unk_token: '[UNK]', sep_token: '[SEP]', pad_token: '[PAD]', cls_token: '[CLS]', mask_token: '[MASK]' }
  writeFileSync(join(directory, 'special_tokens_map.json'), JSON.stringify(special))
  return directory
}
