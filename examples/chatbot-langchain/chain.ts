import { setMaxListeners } from 'node:events'
import type { DocumentInterface } from '@langchain/core/documents'
import { AIMessage, HumanMessage, type BaseMessage } from '@langchain/core/messages'
import { StringOutputParser } from '@langchain/core/output_parsers'
import { ChatPromptTemplate, MessagesPlaceholder } from '@langchain/core/prompts'
import { RunnableBranch, RunnableLambda, RunnablePassthrough, type Runnable } from '@langchain/core/runnables'
import type { Engine } from 'pilotfish'
import { PilotfishRetriever, type RouteEvent } from 'pilotfish/langchain'
import { extractiveAnswer } from '../chatbot-shared/extractive.ts'
import type { ChatModel } from '../chatbot-shared/model.ts'
import type { Answer } from '../chatbot-shared/terminal.ts'
import { LangchainChatModel } from './chat-model.ts'

/** What travels along the chain; each step adds a field. */
interface State {
  readonly question: string
  readonly history: BaseMessage[]
  /** The question as it is looked up. */
  readonly query: string
  readonly documents: DocumentInterface[]
  readonly answer: string
}

/** question → query → documents → answer. */
export function ragChain(engine: Engine, model?: ChatModel): Runnable<Pick<State, 'question' | 'history'>, State> {
  const retriever = new PilotfishRetriever({ engine, k: 4 })
  return RunnablePassthrough.assign<Pick<State, 'question' | 'history'>>({ query: standaloneQuestion(model) })
    .assign({ documents: RunnableLambda.from(({ query }: State) => query).pipe(retriever) })
    .assign({ answer: model ? writtenAnswer(model) : RunnableLambda.from(quotedAnswer) }) as Runnable<
    Pick<State, 'question' | 'history'>,
    State
  >
}

/** "And for a toddler?" finds nothing by itself: with a model, what was said before is worked into the question. */
function standaloneQuestion(model: ChatModel | undefined): Runnable<State, string> {
  const asIs = RunnableLambda.from(({ question }: State) => question)
  if (!model) return asIs
  const rewrite = ChatPromptTemplate.fromMessages([
    ['system', 'Rewrite the last question so that it can be understood without the conversation. Reply with the question only.'],
    new MessagesPlaceholder('history'),
    ['human', '{question}'],
  ])
  const rewritten = rewrite.pipe(new LangchainChatModel(model)).pipe(new StringOutputParser())
  return RunnableBranch.from<State, string>([[({ history }: State) => history.length === 0, asIs], rewritten])
}

function writtenAnswer(model: ChatModel): Runnable<State, string> {
  const prompt = ChatPromptTemplate.fromMessages([
    [
      'system',
      'Answer from these passages only, in a few sentences, and name the ids of those you used, in square brackets. ' +
        'If they do not hold the answer, say so.\n\n{passages}',
    ],
    new MessagesPlaceholder('history'),
    ['human', '{question}'],
  ])
  return RunnablePassthrough.assign({ passages: (state) => (state as unknown as State).documents.map(passage).join('\n\n') })
    .pipe(prompt)
    .pipe(new LangchainChatModel(model))
    .pipe(new StringOutputParser()) as unknown as Runnable<State, string>
}

function quotedAnswer({ question, documents }: State): string {
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
    const onRoute = (name: string, event: RouteEvent): void => {
      if (name === 'route')
        note(
          `asked ${event.experts.map((expert) => expert.name).join(' and ')} (${event.decision}, confidence ${event.confidence.toFixed(2)})`,
        )
    }
    const stream = await chain.stream({ question, history: messages }, { signal, callbacks: [{ handleCustomEvent: onRoute }] })
    for await (const { documents, answer } of stream) {
      if (documents) note(documents.length > 0 ? `found ${documents.map(({ id }) => id).join(', ')}` : 'found nothing')
      if (answer) yield answer
    }
  }
}
