import { fitting } from './fitting.ts'

export interface HistoryOptions {
  /**
   * Characters of the whole query: the earliest turns are left out first, the question never. Encoders read some hundred tokens and cut what
   * comes after, which is the question. @default all are kept
   */
  readonly maxCharacters?: number
}

/**
 * The query of a conversational search (task `convsearch`): what was said before, questions and answers in their order, then the question,
 * with spaces between them. Without history it is the question itself.
 */
export function conversationQuery(question: string, history: readonly string[] = [], { maxCharacters }: HistoryOptions = {}): string {
  const turns = history.map((turn) => turn.trim()).filter((turn) => turn !== '')
  return fitting(turns, question.trim(), ' ', maxCharacters)
}
