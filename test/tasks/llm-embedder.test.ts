import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { writeEncoder } from '../../models/encoders/files.ts'
import { onnxEncoder } from '../../src/encoder/onnx.ts'
import { ModelNotFoundError } from '../../src/errors.ts'
import { llmEmbedder, type LlmEmbedderOptions } from '../../src/tasks/llm-embedder.ts'
import { taskInstructions, type RetrievalTask } from '../../src/tasks/task.ts'
import { dot } from '../../src/vector.ts'
import { expectClose } from '../conformance/encoder.ts'
import { fakeHub } from '../encoder/fake-hub.ts'
import { writeWeights } from '../encoder/from-weights/weights.ts'
import { temporaryDirectory } from '../encoder/models.ts'

let directory: string
beforeEach(() => {
  directory = temporaryDirectory()
  writeEncoder(directory, 'bert-tiny', { seed: 3 })
})

/** The files that say how a model is used; the graph and the tokenizer stay. */
function withoutSettings(): void {
  for (const name of ['modules.json', '1_Pooling', 'sentence_bert_config.json']) rmSync(join(directory, name), { recursive: true })
}

async function open(task: RetrievalTask, options: LlmEmbedderOptions) {
  const encoders = await llmEmbedder(task, options)
  onTestFinished(async () => {
    await encoders.query.close()
    await encoders.key.close()
  })
  return encoders
}

async function hub() {
  const { url, requests } = await fakeHub(directory, 'BAAI/llm-embedder')
  return { requests, options: { hubUrl: url, cacheDirectory: temporaryDirectory() } }
}

describe('llmEmbedder', () => {
  it.each([
    ['with the files of sentence-transformers', () => {}],
    ['without them', withoutSettings],
  ])('opens the model by its name, %s: first token, unit length, the instructions of the task', async (_, change) => {
    change()
    const { options } = await hub()
    const { query, key } = await open('tool', options)
    const plain = await onnxEncoder(directory, { pooling: 'cls', normalize: true })
    onTestFinished(() => plain.close())

    const [question] = await query.encode(['What is the weather?'])
    const [tool] = await key.encode(['Weather, Forecast'])

    const { query: before, key: beforeKey } = taskInstructions.tool
    expectClose(question!, (await plain.encode([`${before}What is the weather?`]))[0]!)
    expectClose(tool!, (await plain.encode([`${beforeKey}Weather, Forecast`]))[0]!)
    expect(dot(question!, question!)).toBeCloseTo(1)
  })

  it('opens it where the repository has safetensors weights and no ONNX file, to the same vectors', async () => {
    const { options } = await hub()
    const exported = await open('qa', options)
    rmSync(join(directory, 'onnx'), { recursive: true })
    writeWeights(directory, 'bert-tiny', { seed: 3, prefix: 'bert.' })
    const weights = await hub()

    const fromWeights = await open('qa', weights.options)

    for (const side of ['query', 'key'] as const) {
      const texts = ['where is the bank', 'code']
      const [actual, expected] = [await fromWeights[side].encode(texts), await exported[side].encode(texts)]
      actual.forEach((vector, i) => expectClose(vector, expected[i]!))
    }
    expect(weights.requests.filter(({ method, path }) => method === 'GET' && path.endsWith('.safetensors'))).toHaveLength(2)
  })

  it('fetches the model once for both sides and for all tasks', async () => {
    const { options, requests } = await hub()

    await open('qa', options)
    await open('chat', options)

    expect(
      requests.filter(({ method, path }) => method === 'GET' && path.endsWith('model.onnx') && !path.includes('/resolve/')),
    ).toHaveLength(1)
  })

  it('takes another source, and goes by what the caller says of it', async () => {
    const [first, mean] = [await open('qa', { source: directory }), await open('qa', { source: directory, pooling: 'mean' })]

    expect(first.query.id).not.toBe(first.key.id)
    expect(mean.query.id).not.toBe(first.query.id)
  })

  it('says where there is neither an ONNX file nor weights what there is, and how to make one', async () => {
    rmSync(join(directory, 'onnx'), { recursive: true })
    const { options } = await hub()

    const opened = llmEmbedder('qa', options)

    await expect(opened).rejects.toBeInstanceOf(ModelNotFoundError)
    await expect(opened).rejects.toThrow(
      /^No ONNX model onnx\/model\.onnx at BAAI\/llm-embedder .*neither ONNX nor safetensors files\..* or export it \(optimum-cli export onnx --model BAAI\/llm-embedder .*\)/,
    )
    await expect(llmEmbedder('qa', { source: directory })).rejects.toThrow(/No ONNX model at .* or export it/)
  })

  it('refuses what is none of the six tasks before it fetches anything', async () => {
    const { options, requests } = await hub()

    await expect(llmEmbedder('search' as RetrievalTask, options)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'task' })
    expect(requests).toEqual([])
  })
})
