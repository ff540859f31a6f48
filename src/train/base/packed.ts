/** A collection a base learns from: its texts, and the questions whose answers are known. */
export interface BaseTask {
  readonly name: string
  readonly documents: readonly { readonly title?: string; readonly text: string }[]
  /** Empty for a collection whose texts alone may be read. */
  readonly pairs: readonly BasePair[]
}

/** A query and the places of its answers among the task's documents. */
export interface BasePair {
  readonly query: string
  readonly positives: readonly number[]
  /** Stands in for the document in most draws: the document without the words the query was made from. */
  readonly variant?: string
}

/** Texts as token ids, one after another. Text `i` is `tokens[offsets[i]…offsets[i + 1]]`. Memory is shared between threads. */
export interface PackedTexts {
  readonly tokens: Uint32Array
  readonly offsets: Uint32Array
}

/** A task as typed arrays that threads read together. */
export interface PackedTask {
  readonly name: string
  /** Title, then body, of every document. */
  readonly documents: PackedTexts
  /** Tokens of each document that are its title. */
  readonly titles: Uint32Array
  /** Where in each document its sentences begin, counted from the document's own start. */
  readonly sentences: PackedTexts
  /** For each document the first one with the same text: equal texts are never each other's negatives. */
  readonly same: Uint32Array
  readonly queries: PackedTexts
  /** For each query its answers, as places among the documents. */
  readonly positives: PackedTexts
  /** For each query the text that may stand in for its document; empty where there is none. */
  readonly variants: PackedTexts
  /** Documents long enough to be split into two spans. */
  readonly splittable: Uint32Array
  /** Documents with a title and a body. */
  readonly titled: Uint32Array
  /** `neighboursKept` for each query: queries whose answers look like its own and are not, filled in while training; -1 where there is none. */
  readonly neighbours: Int32Array
}

/** Neighbours remembered of a query. */
export const neighboursKept = 16

const shortestSplit = 6

/** Tokenises a task once, so that training only copies numbers. Documents are read up to `limit` tokens. */
export function packTask(task: BaseTask, tokenize: (text: string) => readonly number[], limit = 512): PackedTask {
  const documents: number[][] = []
  const titles: number[] = []
  const sentences: number[][] = []
  const same: number[] = []
  const firstWith = new Map<string, number>()
  task.documents.forEach(({ title = '', text }, place) => {
    const tokens = [...tokenize(title)]
    titles.push(tokens.length)
    const starts: number[] = []
    for (const sentence of splitSentences(text)) {
      if (tokens.length >= limit) break
      const more = tokenize(sentence)
      if (more.length === 0) continue
      starts.push(tokens.length)
      tokens.push(...more)
    }
    documents.push(tokens.slice(0, limit))
    sentences.push(starts)
    const key = `${title}\n${text}`
    if (!firstWith.has(key)) firstWith.set(key, place)
    same.push(firstWith.get(key)!)
  })

  const splittable = documents.flatMap((tokens, place) => (tokens.length >= shortestSplit ? [place] : []))
  const titled = documents.flatMap((tokens, place) => (titles[place]! > 0 && tokens.length > titles[place]! + 3 ? [place] : []))
  const pairs = task.pairs
    .map((pair) => ({ ...pair, tokens: tokenize(pair.query).slice(0, limit) }))
    .filter(({ tokens }) => tokens.length > 0)
  return {
    name: task.name,
    documents: pack(documents),
    titles: shared(titles),
    sentences: pack(sentences),
    same: shared(same),
    queries: pack(pairs.map(({ tokens }) => tokens)),
    positives: pack(pairs.map(({ positives }) => positives)),
    variants: pack(pairs.map(({ variant }) => (variant === undefined ? [] : tokenize(variant).slice(0, limit)))),
    splittable: shared(splittable),
    titled: shared(titled),
    neighbours: new Int32Array(new SharedArrayBuffer(4 * neighboursKept * pairs.length)).fill(-1),
  }
}

/** In how many of the documents each token occurs, and how many documents there are. */
export function documentFrequencies(tasks: readonly PackedTask[], vocabularySize: number): { counts: Uint32Array; documents: number } {
  const counts = new Uint32Array(vocabularySize)
  const seenIn = new Uint32Array(vocabularySize)
  let documents = 0
  for (const {
    documents: { tokens, offsets },
  } of tasks) {
    for (let d = 0; d + 1 < offsets.length; d++) {
      documents++
      for (let t = offsets[d]!; t < offsets[d + 1]!; t++) {
        const token = tokens[t]!
        if (seenIn[token] === documents) continue
        seenIn[token] = documents
        counts[token]!++
      }
    }
  }
  return { counts, documents }
}

function splitSentences(text: string): string[] {
  return text.split(/(?<=[.!?;:])\s+|\n+|\s-\s/u).filter((sentence) => sentence.length > 0)
}

function pack(lists: readonly (readonly number[])[]): PackedTexts {
  const offsets = shared(Array.from({ length: lists.length + 1 }, () => 0))
  lists.forEach((list, i) => (offsets[i + 1] = offsets[i]! + list.length))
  const tokens = new Uint32Array(new SharedArrayBuffer(4 * offsets[lists.length]!))
  lists.forEach((list, i) => tokens.set(list, offsets[i]!))
  return { tokens, offsets }
}

function shared(values: readonly number[]): Uint32Array {
  const array = new Uint32Array(new SharedArrayBuffer(4 * values.length))
  array.set(values)
  return array
}
