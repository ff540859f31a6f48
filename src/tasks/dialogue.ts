import type { HistoryOptions } from './conversation.ts'
import { fitting } from './fitting.ts'

/** What one said and the other answered. */
export interface DialogueTurn {
  /** Of the user, for a chatbot. */
  readonly speaker1: string
  readonly speaker2: string
}

/** A message as the APIs of language models have them. Roles other than these two (`system`, `tool`) are no part of a dialogue. */
export interface ChatMessage {
  readonly role: string
  /** A text, or parts of which those of type `text` count; `null` where a message only calls tools. */
  readonly content: string | null | readonly { readonly type: string; readonly text?: string }[]
}

/** A turn of a past dialogue as it is stored and searched (task `chat`): each speaker on a line. */
export function dialogueKey({ speaker1, speaker2 }: DialogueTurn): string {
  return `Speaker 1: ${speaker1.trim()}\nSpeaker 2: ${speaker2.trim()}`
}

/** What is asked with while a dialogue goes on (task `chat`): the last utterance, after the recent turns if any are to be taken into account. */
export function dialogueQuery(utterance: string, recent: readonly DialogueTurn[] = [], { maxCharacters }: HistoryOptions = {}): string {
  const last = utterance.trim()
  const labelled = fitting(recent.map(dialogueKey), `Speaker 1: ${last}`, '\n', maxCharacters)
  // Alone it goes without a label, as it does in the data that LLM-Embedder was trained on.
  return labelled === `Speaker 1: ${last}` ? last : labelled
}

/**
 * The finished turns of a chat: what users said in a row, with what the assistant answered. What has no answer yet is left out: it is the
 * query. An answer to nothing begins with an empty utterance. Messages without any text, such as calls of tools, are passed over.
 */
export function dialogueTurns(messages: readonly ChatMessage[]): DialogueTurn[] {
  const turns: { speaker1: string[]; speaker2: string[] }[] = []
  for (const { role, content } of messages) {
    const text = textOf(content)
    if (text.trim() === '') continue
    const last = turns.at(-1)
    if (role === 'user') {
      if (last && last.speaker2.length === 0) last.speaker1.push(text)
      else turns.push({ speaker1: [text], speaker2: [] })
    } else if (role === 'assistant') {
      if (last) last.speaker2.push(text)
      else turns.push({ speaker1: [], speaker2: [text] })
    }
  }
  return turns
    .filter(({ speaker2 }) => speaker2.length > 0)
    .map(({ speaker1, speaker2 }) => ({ speaker1: speaker1.join('\n'), speaker2: speaker2.join('\n') }))
}

function textOf(content: ChatMessage['content']): string {
  if (typeof content === 'string') return content
  return (content ?? []).flatMap(({ type, text }) => (type === 'text' && text ? text : [])).join('\n')
}
