import { onnxEncoder, type OnnxEncoderOptions } from '../encoder/onnx.ts'
import { ModelNotFoundError } from '../errors.ts'
import type { RetrievalTask } from './task.ts'
import { instructionsOf, type TaskEncoders } from './task-encoders.ts'

export interface LlmEmbedderOptions extends Omit<OnnxEncoderOptions, 'prompt'> {
  /** Hub repository or directory. @default 'BAAI/llm-embedder' */
  readonly source?: string
}

/**
 * LLM-Embedder (Zhang et al. 2023) for one of its tasks: the vector of its first token, unit length, the task's instructions before queries
 * and keys. Both sides, and all tasks, share one session.
 * @throws ModelNotFoundError where the source has no ONNX file, with the way to make one; else as `onnxEncoder`
 */
export async function llmEmbedder(
  task: RetrievalTask,
  { source = 'BAAI/llm-embedder', pooling = 'cls', normalize = true, ...options }: LlmEmbedderOptions = {},
): Promise<TaskEncoders> {
  const instructions = instructionsOf(task)
  const open = (prompt: string) =>
    onnxEncoder(source, { ...options, pooling, normalize, prompt }).catch((error) => withWayOut(error, source))
  const query = await open(instructions.query)
  try {
    return { query, key: await open(instructions.key) }
  } catch (error) {
    await query.close()
    throw error
  }
}

/** Its authors published PyTorch weights; whether a repository has an ONNX file too is for the hub to say. */
function withWayOut(error: unknown, source: string): never {
  if (!(error instanceof ModelNotFoundError)) throw error
  const known = error.message.split(`at ${error.path}. `)[1] ?? ''
  throw new ModelNotFoundError(
    error.path,
    'ONNX model',
    `${known} Export it (optimum-cli export onnx --model ${source} --task feature-extraction ./llm-embedder) and give \`source: './llm-embedder', file: 'model.onnx'\`.`,
  )
}
