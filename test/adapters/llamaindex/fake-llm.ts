import { BaseLLM, type ChatMessage, type ChatResponse, type ChatResponseChunk, type LLMMetadata } from '@llamaindex/core/llms'
import { extractText } from '@llamaindex/core/utils'

/** A model that answers the same to everything and remembers what it was asked. */
export class FakeLLM extends BaseLLM {
  readonly metadata: LLMMetadata = {
    model: 'fake',
    temperature: 0,
    topP: 1,
    contextWindow: 16_000,
    tokenizer: undefined,
    structuredOutput: false,
  }
  readonly asked: ChatMessage[][] = []
  readonly #answer: string

  constructor(answer: string) {
    super()
    this.#answer = answer
  }

  /** Everything the last request said, in one string. */
  get prompt(): string {
    return (this.asked.at(-1) ?? []).map(({ role, content }) => `${role}: ${extractText(content)}`).join('\n')
  }

  override chat(params: { messages: ChatMessage[]; stream: true }): Promise<AsyncIterable<ChatResponseChunk>>
  override chat(params: { messages: ChatMessage[]; stream?: false }): Promise<ChatResponse>
  override async chat(params: { messages: ChatMessage[]; stream?: boolean }): Promise<ChatResponse | AsyncIterable<ChatResponseChunk>> {
    this.asked.push(params.messages)
    if (!params.stream) return { message: { role: 'assistant', content: this.#answer }, raw: null }
    const pieces = this.#answer.split(/(?= )/)
    return (async function* () {
      for (const delta of pieces) yield { delta, raw: null }
    })()
  }
}
