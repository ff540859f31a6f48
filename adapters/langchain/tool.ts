import type { DocumentInterface } from '@langchain/core/documents'
import { tool, type DynamicStructuredTool } from '@langchain/core/tools'
import { PilotfishRetriever, type PilotfishRetrieverInput } from './retriever.ts'

export interface PilotfishToolInput extends PilotfishRetrieverInput {
  /** @default 'search_documents' */
  readonly name?: string
  /** Tells the model what the collection holds and when to search it. */
  readonly description: string
}

/** Retrieval as a tool for agents: the model reads the passages with their ids, the program gets the documents as the artifact. */
export function pilotfishTool({ name = 'search_documents', description, ...input }: PilotfishToolInput): DynamicStructuredTool {
  const retriever = new PilotfishRetriever(input)
  return tool(
    async ({ query }: { query: string }, config): Promise<[string, DocumentInterface[]]> => {
      const documents = await retriever.invoke(query, config)
      return [documents.map(passage).join('\n\n') || 'Nothing was found.', documents]
    },
    { name, description, schema: querySchema, responseFormat: 'content_and_artifact' },
  ) as DynamicStructuredTool
}

const querySchema = {
  type: 'object',
  properties: { query: { type: 'string', description: 'What to look for, as a question or in a few words' } },
  required: ['query'],
} as const

function passage({ id, pageContent, metadata }: DocumentInterface): string {
  return `[${id}] ${typeof metadata.title === 'string' ? `${metadata.title}\n` : ''}${pageContent}`
}
