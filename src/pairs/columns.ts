/** Which fields of a table or of JSON records hold what. */
export interface Columns {
  readonly query: string
  readonly passage: string
  /** Fields with passages that look like answers and are none. */
  readonly negatives: readonly string[]
}

/** Names that are understood, most telling first; compared without case, spaces and punctuation. */
const queryNames = [
  'query',
  'question',
  'anchor',
  'q',
  'queries',
  'questions',
  'utterance',
  'request',
  'sentence1',
  'text1',
  'prompt',
  'input',
]
const passageNames = [
  'passage',
  'positive',
  'document',
  'answer',
  'pos',
  'positives',
  'passages',
  'documents',
  'answers',
  'doc',
  'context',
  'text',
  'a',
  'sentence2',
  'text2',
  'response',
  'content',
  'body',
  'output',
]
const negativeName = /^(hard)?neg(ative)?s?\d*$/

/** What readers understand without being told, for error messages. */
export const knownNames = 'question, query or anchor, and passage, document, answer, positive or text'

export interface ColumnOptions {
  /** Name of the field with the question. @default question, query, anchor … */
  readonly queryColumn?: string
  /** Name of the field with the passage. @default passage, document, answer, positive, text … */
  readonly passageColumn?: string
}

/** Finds the fields among those there are; `undefined` for what is not there. */
export function findColumns(names: readonly string[], { queryColumn, passageColumn }: ColumnOptions): Partial<Columns> {
  const named = (wanted: string): string | undefined =>
    names.find((name) => name === wanted) ?? names.find((name) => plain(name) === plain(wanted))
  const known = (list: readonly string[], taken?: string): string | undefined => {
    for (const each of list) {
      const found = names.find((name) => plain(name) === each && name !== taken)
      if (found !== undefined) return found
    }
    return undefined
  }
  const query = queryColumn === undefined ? known(queryNames, passageColumn) : named(queryColumn)
  const passage = passageColumn === undefined ? known(passageNames, query) : named(passageColumn)
  const negatives = names.filter((name) => negativeName.test(plain(name)) && name !== query && name !== passage)
  return { ...(query !== undefined && { query }), ...(passage !== undefined && { passage }), negatives }
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '')
}
