import type { CallbackManagerForLLMRun } from '@langchain/core/callbacks/manager'
import { SimpleChatModel } from '@langchain/core/language_models/chat_models'
import { AIMessageChunk, type BaseMessage } from '@langchain/core/messages'
import { ChatGenerationChunk } from '@langchain/core/outputs'
import type { ChatModel, Message } from '../chatbot-shared/model.ts'

/** The model of `chatbot-shared` as a LangChain chat model. In a project of your own `@langchain/openai` does this. */
export class LangchainChatModel extends SimpleChatModel {
  readonly #model: ChatModel

  constructor(model: ChatModel) {
    super({})
    this.#model = model
  }

  override _llmType(): string {
    return 'openai-compatible'
  }

  override async _call(messages: BaseMessage[], options: this['ParsedCallOptions'], run?: CallbackManagerForLLMRun): Promise<string> {
    let answer = ''
    for await (const chunk of this._streamResponseChunks(messages, options, run)) answer += chunk.text
    return answer
  }

  override async *_streamResponseChunks(
    messages: BaseMessage[],
    { signal }: this['ParsedCallOptions'],
    run?: CallbackManagerForLLMRun,
  ): AsyncGenerator<ChatGenerationChunk> {
    for await (const text of this.#model.stream(messages.map(toMessage), { signal })) {
      yield new ChatGenerationChunk({ text, message: new AIMessageChunk(text) })
      await run?.handleLLMNewToken(text)
    }
  }
}

function toMessage(message: BaseMessage): Message {
  const role = ({ human: 'user', ai: 'assistant' } as const)[message.type as 'human' | 'ai'] ?? 'system'
  return { role, content: message.text }
}
