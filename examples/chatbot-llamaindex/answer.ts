import { ContextChatEngine } from '@llamaindex/core/chat-engine'
import type { BaseNodePostprocessor } from '@llamaindex/core/postprocessor'
import { MetadataMode } from '@llamaindex/core/schema'
import { extractText } from '@llamaindex/core/utils'
import type { Engine, Retrieval } from 'pilotfish'
import { PilotfishRetriever } from 'pilotfish/llamaindex'
import { extractiveAnswer } from '../chatbot-shared/extractive.ts'
import type { ChatModel } from '../chatbot-shared/model.ts'
import type { Answer, Question } from '../chatbot-shared/terminal.ts'
import { ChatModelLLM } from './language-model.ts'

/**
 * Answers from what Pilotfish finds. With a model, a `ContextChatEngine` puts the hits and what was said before into
 * its prompt; without one, the hits are quoted and nothing is made up.
 */
export function answerWith(engine: Engine, model?: ChatModel): Answer {
  const llm = model && new ChatModelLLM(model)

  return async function* (asked) {
    const { question, history, note, signal } = asked
    // A retriever costs nothing to make, so each question has its own: with its signal, and a place to say where it went.
    const retriever = new PilotfishRetriever({ engine, topK: 4, signal, onRoute: (retrieval) => remarks(retrieval).forEach(note) })

    if (!llm) {
      const nodes = await retriever.retrieve(question)
      yield extractiveAnswer(
        question,
        nodes.map(({ node }) => ({ id: node.id_, title: node.metadata.title, text: node.getContent(MetadataMode.NONE) })),
      )
      return
    }
    const chat = new ContextChatEngine({
      retriever,
      chatModel: llm,
      chatHistory: [...history],
      systemPrompt,
      nodePostprocessors: [idsForCitation],
    })
    const message = await standaloneQuestion(llm, asked)
    for await (const piece of await chat.chat({ message, stream: true, chatOptions: { signal } })) yield piece.delta
  }
}

const systemPrompt =
  'Answer from the passages below only, in a few sentences, and name the ids of those you used in [brackets]. ' +
  'If they do not hold the answer, say so.'

/** A chat engine looks up the question as it is typed, and "And for adults?" finds nothing by itself: the model works in what was said before. */
async function standaloneQuestion(llm: ChatModelLLM, { question, history, signal }: Question): Promise<string> {
  if (history.length === 0) return question
  const { message } = await llm.chat({
    messages: [
      {
        role: 'system',
        content: 'Rewrite the last question so that it can be understood without the conversation. Reply with the question only.',
      },
      ...history,
      { role: 'user', content: question },
    ],
    additionalChatOptions: { signal },
  })
  return extractText(message.content).trim() || question
}

/** A chat engine shows the model a node's text and metadata but not its id, which is what the answer should cite. */
const idsForCitation: BaseNodePostprocessor = {
  postprocessNodes: async (nodes) => {
    for (const { node } of nodes) node.metadata = { id: node.id_, ...node.metadata }
    return nodes
  },
}

function remarks({ route, hits }: Retrieval): string[] {
  return [
    `asked ${route.experts.map(({ name }) => name).join(' and ')} (${route.decision}, confidence ${route.confidence.toFixed(2)})`,
    hits.length > 0 ? `found ${hits.map(({ document }) => document.id).join(', ')}` : 'found nothing',
  ]
}
