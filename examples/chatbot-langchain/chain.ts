import { setMaxListeners } from 'node:events'
import type { DocumentInterface } from '@langchain/core/documents'
import { AIMessage, HumanMessage, type BaseMessage } from '@langchain/core/messages'
import { StringOutputParser } from '@langchain/core/output_parsers'
import { ChatPromptTemplate, MessagesPlaceholder } from '@langchain/core/prompts'
import { RunnableBranch, RunnableLambda, type Runnable } from '@langchain/core/runnables'
import type { Engine } from 'pilotfish'
import { PilotfishRetriever, type RouteEvent } from 'pilotfish/langchain'
import { extractiveAnswer } from '../chatbot-shared/extractive.ts'
import type { ChatModel } from '../chatbot-shared/model.ts'
import type { Answer } from '../chatbot-shared/terminal.ts'
import { LangchainChatModel } from './chat-model.ts'

/** What the chain begins with. */
interface Asked {
  readonly question: string
  readonly history: BaseMessage[]
}

/** What the answer is made from. */
interface Found extends Asked {
  readonly documents: DocumentInterface[]
}

/** question → question that stands alone → documents → answer. */
export function ragChain(engine: Engine, model?: ChatModel): Runnable<Asked, string> {
  const standalone = standaloneQuestion(model)
  const retriever = new PilotfishRetriever({ engine, k: 4 })
  // One step rather than two `assign`s: streamed, those would go on after a failure, and their own would be unhandled.
  const find = RunnableLambda.from(async (asked: Asked, config): Promise<Found> => {
    const query = await standalone.invoke(asked, config)
    return { ...asked, documents: await retriever.invoke(query, config) }
  })
  return find.pipe(model ? writtenAnswer(model) : RunnableLambda.from(quotedAnswer))
}

/** "And for a toddler?" finds nothing by itself: with a model, what was said before is worked into the question. */
function standaloneQuestion(model: ChatModel | undefined): Runnable<Asked, string> {
  const asIs = RunnableLambda.from(({ question }: Asked) => question)
  if (!model) return asIs
  const rewrite = ChatPromptTemplate.fromMessages([
    ['system', 'Rewrite the last question so that it can be understood without the conversation. Reply with the question only.'],
    new MessagesPlaceholder('history'),
    ['human', '{question}'],
  ])
  const rewritten = rewrite.pipe(new LangchainChatModel(model)).pipe(new StringOutputParser())
  return RunnableBranch.from<Asked, string>([[({ history }: Asked) => history.length === 0, asIs], rewritten])
}

function writtenAnswer(model: ChatModel): Runnable<Found, string> {
  const prompt = ChatPromptTemplate.fromMessages([
    [
      'system',
      'Answer from these passages only, in a few sentences, and name the ids of those you used, in square brackets. ' +
        'If they do not hold the answer, say so.\n\n{passages}',
    ],
    new MessagesPlaceholder('history'),
    ['human', '{question}'],
  ])
  const withPassages = RunnableLambda.from(({ documents, ...asked }: Found) => ({
    ...asked,
    passages: documents.map(passage).join('\n\n'),
  }))
  return withPassages.pipe(prompt).pipe(new LangchainChatModel(model)).pipe(new StringOutputParser())
}

function quotedAnswer({ question, documents }: Found): string {
  return extractiveAnswer(
    question,
    documents.map(({ id, pageContent, metadata }) => ({ id: id!, title: metadata.title as string | undefined, text: pageContent })),
  )
}

function passage({ id, pageContent, metadata }: DocumentInterface): string {
  return `[${id}] ${metadata.title ? `${metadata.title as string}\n` : ''}${pageContent}`
}

/** The chain as the terminal wants it: text as it is written, with remarks on where the question went and what was found. */
export function answerWith(engine: Engine, model?: ChatModel): Answer {
  const chain = ragChain(engine, model)
  return async function* ({ question, history, note, signal }) {
    // Every step of a chain listens to the signal; Node would take so many listeners for a leak and print a warning.
    setMaxListeners(100, signal)
    const messages = history.map(({ role, content }) => (role === 'user' ? new HumanMessage(content) : new AIMessage(content)))
    const remarks = {
      // Handlers are left to run in the background otherwise, and a remark could come in the middle of the answer.
      awaitHandlers: true,
      handleCustomEvent(name: string, { experts, decision, confidence }: RouteEvent): void {
        if (name === 'route')
          note(`asked ${experts.map((expert) => expert.name).join(' and ')} (${decision}, confidence ${confidence.toFixed(2)})`)
      },
      handleRetrieverEnd(documents: DocumentInterface[]): void {
        note(documents.length > 0 ? `found ${documents.map(({ id }) => id).join(', ')}` : 'found nothing')
      },
    }
    yield* await chain.stream({ question, history: messages }, { signal, callbacks: [remarks] })
  }
}
