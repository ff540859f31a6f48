import {
  BaseLLM,
  type ChatMessage,
  type ChatResponse,
  type ChatResponseChunk,
  type LLMChatParamsNonStreaming,
  type LLMChatParamsStreaming,
  type LLMMetadata,
} from '@llamaindex/core/llms'
import { extractText } from '@llamaindex/core/utils'
import type { ChatModel, Message } from '../chatbot-shared/model.ts'

/** What `chatOptions` of a chat engine may hold: LlamaIndex has no other way for a signal to reach a model. */
export interface StreamOptions {
  readonly signal?: AbortSignal
}

/** A chat model as a LlamaIndex `LLM`. With a provider package of LlamaIndex's own (`@llamaindex/openai`) you would not need this file. */
export class ChatModelLLM extends BaseLLM<StreamOptions> {
  readonly metadata: LLMMetadata
  readonly #model: ChatModel

  constructor(model: ChatModel, contextWindow = 8192) {
    super()
    this.#model = model
    this.metadata = { model: model.name, temperature: 0.2, topP: 1, contextWindow, tokenizer: undefined, structuredOutput: false }
  }

  override chat(params: LLMChatParamsStreaming<StreamOptions>): Promise<AsyncIterable<ChatResponseChunk>>
  override chat(params: LLMChatParamsNonStreaming<StreamOptions>): Promise<ChatResponse>
  override async chat(
    params: LLMChatParamsStreaming<StreamOptions> | LLMChatParamsNonStreaming<StreamOptions>,
  ): Promise<AsyncIterable<ChatResponseChunk> | ChatResponse> {
    const pieces = this.#model.stream(asMessages(params.messages), params.additionalChatOptions)
    if (params.stream) return chunks(pieces)
    let content = ''
    for await (const piece of pieces) content += piece
    return { message: { role: 'assistant', content }, raw: null }
  }
}

/** `ContextChatEngine` puts its system message last; many models only read one that comes first. */
function asMessages(messages: readonly ChatMessage[]): Message[] {
  const plain = messages.map(({ role, content }): Message => ({
    role: role === 'user' || role === 'assistant' ? role : 'system',
    content: extractText(content),
  }))
  return [...plain.filter(({ role }) => role === 'system'), ...plain.filter(({ role }) => role !== 'system')]
}

async function* chunks(pieces: AsyncIterable<string>): AsyncGenerator<ChatResponseChunk> {
  for await (const delta of pieces) yield { delta, raw: null }
}
