import { sampleBelow, type Random } from '../random.ts'
import { neighboursKept, type PackedTask, type PackedTexts } from './packed.ts'

/** Rows of a block: each query's answer is the document of the same row, the other documents are its negatives. */
export interface Block {
  readonly size: number
  readonly queries: PackedTexts
  readonly documents: PackedTexts
  /** size × size; 1 where a document of another row also answers the query. */
  readonly masked: Uint8Array
}

export interface BlockOptions {
  readonly size: number
  /** Share of blocks drawn from pairs; the others are drawn from the texts alone. */
  readonly pairShare: number
  /** Share of tokens left out of every text, anew each time. @default 0 */
  readonly dropout?: number
  /** Neighbours that each drawn query brings into a block of pairs. @default 0 */
  readonly neighbours?: number
}

/** How often the stand-in of a document is used where there is one. */
const variantShare = 0.7

/** Draws one block: first what it is made of, then a single task by the square root of its size, then its rows. */
export function drawBlock(
  tasks: readonly PackedTask[],
  { size, pairShare, dropout = 0, neighbours = 0 }: BlockOptions,
  generator: Random,
): Block {
  const kind = generator.next() < pairShare ? 'pairs' : generator.next() < 0.25 ? 'titles' : generator.next() < 0.5 ? 'sentences' : 'spans'
  const available = (task: PackedTask): number =>
    kind === 'pairs' ? task.queries.offsets.length - 1 : kind === 'titles' ? task.titled.length : task.splittable.length
  const task = weighted(tasks, (candidate) => Math.sqrt(available(candidate)), generator)
  const drawn =
    kind === 'pairs' && neighbours > 0 ? drawNeighbours(task, size, neighbours, generator) : sampleBelow(available(task), size, generator)
  // Whole fours go through the vector kernels; a set that is not one loses up to three rows of a block.
  const rows = drawn.length > 4 ? drawn.slice(0, drawn.length - (drawn.length % 4)) : drawn
  if (kind === 'pairs') return drawPairs(task, rows, dropout, generator)
  return drawSpans(
    task,
    rows.map((row) => (kind === 'titles' ? task.titled : task.splittable)[row]!),
    kind,
    dropout,
    generator,
  )
}

/** Draws queries and for each some of its neighbours, until the block is full; nothing twice. */
function drawNeighbours(task: PackedTask, size: number, neighbours: number, generator: Random): number[] {
  const count = task.queries.offsets.length - 1
  const drawn = new Set<number>()
  for (const query of sampleBelow(count, Math.min(count, size), generator)) {
    drawn.add(query)
    for (const n of sampleBelow(neighboursKept, neighbours, generator)) {
      const neighbour = task.neighbours[query * neighboursKept + n]!
      if (neighbour >= 0) drawn.add(neighbour)
    }
    if (drawn.size >= size) break
  }
  return [...drawn].slice(0, size)
}

function drawPairs(task: PackedTask, rows: readonly number[], dropout: number, generator: Random): Block {
  const queries = builder(dropout, generator)
  const documents = builder(dropout, generator)
  const places = new Int32Array(rows.length)
  rows.forEach((query, row) => {
    const { tokens, offsets } = task.positives
    const place = tokens[offsets[query]! + generator.below(offsets[query + 1]! - offsets[query]!)]!
    places[row] = task.same[place]!
    queries.addRange(task.queries.tokens, task.queries.offsets[query]!, task.queries.offsets[query + 1]!)
    const source = task.variants.offsets[query + 1]! > task.variants.offsets[query]! && generator.next() < variantShare
    const [texts, at] = source ? [task.variants, query] : [task.documents, place]
    const start = texts.offsets[at]!
    documents.addRange(texts.tokens, start, Math.min(texts.offsets[at + 1]!, start + cropLength(generator)))
    queries.finish()
    documents.finish()
  })
  return { size: rows.length, queries: queries.texts(), documents: documents.texts(), masked: maskAnswers(task, rows, places) }
}

function drawSpans(
  task: PackedTask,
  places: readonly number[],
  kind: 'titles' | 'sentences' | 'spans',
  dropout: number,
  generator: Random,
): Block {
  const queries = builder(dropout, generator)
  const documents = builder(dropout, generator)
  const { tokens, offsets } = task.documents
  for (const place of places) {
    const start = offsets[place]!
    const end = offsets[place + 1]!
    const crop = cropLength(generator)
    const [from, to] =
      kind === 'titles'
        ? [start, start + task.titles[place]!]
        : kind === 'sentences'
          ? drawSentence(task, place, generator)
          : drawSpan(start, end, generator)
    queries.addRange(tokens, from, to)
    // What is left, from a random place when there is more than is read.
    const left = end - start - (to - from)
    const skip = left > crop && kind !== 'titles' ? generator.below(left - crop + 1) : 0
    const first = Math.min(from, start + skip + crop)
    documents.addRange(tokens, start + skip, first)
    const taken = Math.max(0, first - start - skip)
    const resume = Math.max(to, to + skip - (from - start))
    documents.addRange(tokens, resume, Math.min(end, resume + crop - taken))
    queries.finish()
    documents.finish()
  }
  const same = Int32Array.from(places, (place) => task.same[place]!)
  return { size: places.length, queries: queries.texts(), documents: documents.texts(), masked: maskEqual(same) }
}

function drawSentence(task: PackedTask, place: number, generator: Random): [number, number] {
  const start = task.documents.offsets[place]!
  const end = task.documents.offsets[place + 1]!
  const { tokens: starts, offsets } = task.sentences
  const count = offsets[place + 1]! - offsets[place]!
  if (count >= 2) {
    const chosen = offsets[place]! + generator.below(count)
    const from = start + starts[chosen]!
    const to = Math.min(end, chosen + 1 < offsets[place + 1]! ? start + starts[chosen + 1]! : end)
    if (to - from >= 3 && to - from < end - start - 2) return [from, Math.min(to, from + 64)]
  }
  return drawSpan(start, end, generator)
}

function drawSpan(start: number, end: number, generator: Random): [number, number] {
  const longest = Math.min(32, Math.floor((end - start) / 2))
  const length = Math.min(longest, 3 + generator.below(Math.max(1, longest - 2)))
  const from = start + generator.below(end - start - length + 1)
  return [from, from + length]
}

function cropLength(generator: Random): number {
  return 128 + generator.below(65)
}

function maskAnswers(task: PackedTask, rows: readonly number[], places: Int32Array): Uint8Array {
  const masked = maskEqual(places)
  const columnsOf = new Map<number, number[]>()
  places.forEach((place, column) => {
    const columns = columnsOf.get(place)
    if (columns) columns.push(column)
    else columnsOf.set(place, [column])
  })
  const { tokens, offsets } = task.positives
  rows.forEach((query, row) => {
    for (let p = offsets[query]!; p < offsets[query + 1]!; p++) {
      for (const column of columnsOf.get(task.same[tokens[p]!]!) ?? []) if (column !== row) masked[row * rows.length + column] = 1
    }
  })
  return masked
}

function maskEqual(places: Int32Array): Uint8Array {
  const size = places.length
  const masked = new Uint8Array(size * size)
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) if (i !== j && places[i] === places[j]) masked[i * size + j] = 1
  }
  return masked
}

function weighted<T>(items: readonly T[], weight: (item: T) => number, generator: Random): T {
  const weights = items.map(weight)
  let left = generator.next() * weights.reduce((sum, value) => sum + value, 0)
  const chosen = weights.findIndex((value) => (left -= value) < 0)
  return items[chosen === -1 ? weights.findLastIndex((value) => value > 0) : chosen]!
}

/** Gathers texts, leaving tokens out on the way. A text keeps at least its first token. */
function builder(dropout: number, generator: Random) {
  const tokens: number[] = []
  const offsets = [0]
  return {
    addRange(source: Uint32Array, start: number, end: number): void {
      for (let t = start; t < end; t++) {
        if (dropout === 0 || tokens.length === offsets.at(-1) || generator.next() >= dropout) tokens.push(source[t]!)
      }
    },
    finish: (): void => void offsets.push(tokens.length),
    texts: (): PackedTexts => ({ tokens: Uint32Array.from(tokens), offsets: Uint32Array.from(offsets) }),
  }
}
