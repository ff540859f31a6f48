/** What a language model retrieves for (LLM-Embedder, Zhang et al. 2023, table 1). */
export type RetrievalTask = 'qa' | 'convsearch' | 'chat' | 'lrlm' | 'icl' | 'tool'

/** What is put before every query and every key of a task. */
export interface TaskInstruction {
  readonly query: string
  readonly key: string
}

/**
 * The six tasks with the instructions that LLM-Embedder was trained with: question answering, conversational search, long
 * conversations, long-range language modelling, in-context learning, tool learning.
 */
export const taskInstructions: Readonly<Record<RetrievalTask, TaskInstruction>> = {
  qa: {
    query: 'Represent this query for retrieving relevant documents: ',
    key: 'Represent this document for retrieval: ',
  },
  convsearch: {
    query: 'Encode this query and context for searching relevant passages: ',
    key: 'Encode this passage for retrieval: ',
  },
  chat: {
    query: 'Embed this dialogue to find useful historical dialogues: ',
    key: 'Embed this historical dialogue for retrieval: ',
  },
  lrlm: {
    query: 'Embed this text chunk for finding useful historical chunks: ',
    key: 'Embed this historical text chunk for retrieval: ',
  },
  icl: {
    query: 'Convert this example into vector to look for useful examples: ',
    key: 'Convert this example into vector for retrieval: ',
  },
  tool: {
    query: 'Transform this user request for fetching helpful tool descriptions: ',
    key: 'Transform this tool description for retrieval: ',
  },
}

export const retrievalTasks = Object.keys(taskInstructions) as readonly RetrievalTask[]

export function isRetrievalTask(name: unknown): name is RetrievalTask {
  return typeof name === 'string' && Object.hasOwn(taskInstructions, name)
}
