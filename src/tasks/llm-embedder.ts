import { onnxEncoder, type OnnxEncoderOptions } from '../encoder/onnx.ts'
import type { RetrievalTask } from './task.ts'
import { instructionsOf, type TaskEncoders } from './task-encoders.ts'

export interface LlmEmbedderOptions extends Omit<OnnxEncoderOptions, 'prompt'> {
  /** Hub repository or directory. @default 'BAAI/llm-embedder' */
  readonly source?: string
}

/**
 * LLM-Embedder (Zhang et al. 2023) for one of its tasks: the vector of its first token, unit length, the task's instructions before queries
 * and keys. Both sides, and all tasks, share one session.
 * @throws as `onnxEncoder`
 */
export async function llmEmbedder(
  task: RetrievalTask,
  { source = 'BAAI/llm-embedder', pooling = 'cls', normalize = true, ...options }: LlmEmbedderOptions = {},
): Promise<TaskEncoders> {
  const instructions = instructionsOf(task)
  const open = (prompt: string) => onnxEncoder(source, { ...options, pooling, normalize, prompt })
  const query = await open(instructions.query)
  try {
    return { query, key: await open(instructions.key) }
  } catch (error) {
    await query.close()
    throw error
  }
}
