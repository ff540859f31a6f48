import { countTerms, inverseDocumentFrequency } from './bm25.ts'
import type { Analyzer, LexicalSettings } from './lexical.ts'
import { recentPostings } from './recent-postings.ts'

/** An inverted index over document rows: an immutable block of typed arrays, and what was added since. */
export interface Postings {
  /** Indexes a document in place of what its row held. */
  set(row: number, title: string | undefined, text: string): void
  delete(row: number): void
  /** BM25 of every document that holds a term of the text. The result is valid until the next call of any method. */
  score(text: string): LexicalScores
  /** Scores a text ahead for a `score` that follows. Kept until that, until something changes, or until other texts need the room. */
  prepare(text: string): void
  /** Everything as flat arrays, for `postings(…, saved)`. */
  save(): SavedPostings
}

export interface LexicalScores {
  /** Sum of the known terms' inverse document frequencies: no score can exceed it. */
  readonly bound: number
  /** Rows with a score above 0, in no order. */
  readonly rows: Int32Array
  /** Their scores, in the same order. */
  readonly scores: Float64Array
  /** Score of any row; 0 where nothing matches. */
  of(row: number): number
}

/**
 * Documents are numbered in order of arrival ("ordinals"); a replaced or deleted one leaves its ordinal behind, dead,
 * until the next merge.
 */
export interface SavedPostings {
  readonly terms: readonly string[]
  /** Where each term's postings begin; one entry more than there are terms. */
  readonly starts: Uint32Array
  readonly ordinals: Uint32Array
  readonly frequencies: Float32Array
  /** Row of each ordinal. */
  readonly rows: Int32Array
  /** Length in terms of each ordinal's document. */
  readonly lengths: Float32Array
}

const dead = -1

/** Scores by ordinal, and which of them are not zero. */
interface Sums {
  values: Float64Array
  touched: Uint32Array
  count: number
}

/** Texts that are kept scored: as many as are likely to be under way at once … */
const mostPrepared = 32
/** … as long as they take no more than so many scores in all, of some 20 bytes each. */
const mostPreparedScores = 2_000_000

/** @param saved What `save()` gave under the same analyzer and title weight. */
export function postings(analyze: Analyzer, settings: LexicalSettings, saved: SavedPostings = empty): Postings {
  const { k1, b, titleWeight } = settings
  let block = saved
  let termIds = new Map(saved.terms.map((term, id) => [term, id]))
  let recent = recentPostings()
  let rows = Array.from(saved.rows)
  let lengths = Array.from(saved.lengths)
  let alive = rows.length
  let totalLength = lengths.reduce((sum, length) => sum + length, 0)
  const ordinalOf: number[] = []
  rows.forEach((row, ordinal) => (ordinalOf[row] = ordinal))

  let sums = noSums()
  const spare: Sums[] = []
  /** Oldest first. */
  const prepared = new Map<string, { readonly sums: Sums; readonly scores: LexicalScores }>()
  let norms: Float64Array | undefined

  const forgetPrepared = (): void => {
    for (const { sums: unused } of prepared.values()) spare.push(unused)
    prepared.clear()
  }

  const forget = (row: number): void => {
    forgetPrepared()
    const ordinal = ordinalOf[row] ?? dead
    if (ordinal === dead) return
    ordinalOf[row] = dead
    rows[ordinal] = dead
    alive--
    totalLength -= lengths[ordinal]!
    norms = undefined
  }

  /** How many living documents hold a term. */
  const holders = (id: number): number => {
    const from = block.starts[id] ?? 0
    const to = block.starts[id + 1] ?? from
    if (rows.length === alive) return to - from + recent.count(id)
    let count = 0
    for (let i = from; i < to; i++) if (rows[block.ordinals[i]!] !== dead) count++
    for (let i = recent.first(id); i >= 0; i = recent.next(i)) if (rows[recent.ordinal(i)] !== dead) count++
    return count
  }

  const clear = (): void => {
    for (let i = 0; i < sums.count; i++) sums.values[sums.touched[i]!] = 0
    sums.count = 0
    if (sums.values.length < rows.length) {
      const room = Math.ceil(rows.length * 1.5)
      sums.values = new Float64Array(room)
      sums.touched = new Uint32Array(room)
    }
    // The part of BM25's denominator that depends on the document alone.
    norms ??= Float64Array.from(lengths, (length) => k1 * (1 - b + (b * length * alive) / totalLength))
  }

  const merge = (): void => {
    forgetPrepared()
    clear()
    block = merged()
    termIds = new Map(block.terms.map((term, id) => [term, id]))
    recent = recentPostings()
    rows = Array.from(block.rows)
    lengths = Array.from(block.lengths)
    rows.forEach((row, ordinal) => (ordinalOf[row] = ordinal))
    norms = undefined
  }

  const scoreNow = (text: string): LexicalScores => {
    clear()
    const { values, touched } = sums
    const add = (ordinal: number, score: number): void => {
      if (values[ordinal] === 0) touched[sums.count++] = ordinal
      values[ordinal]! += score
    }
    const asked = new Map<number, number>()
    for (const term of analyze(text)) {
      const id = termIds.get(term)
      if (id !== undefined) asked.set(id, (asked.get(id) ?? 0) + 1)
    }
    let bound = 0
    for (const [id, repeated] of asked) {
      const documents = holders(id)
      if (documents === 0) continue
      const idf = repeated * inverseDocumentFrequency(alive, documents)
      bound += idf
      // `termScore`, with what does not change drawn out of the loop.
      const to = block.starts[id + 1] ?? 0
      for (let i = block.starts[id] ?? 0; i < to; i++) {
        const ordinal = block.ordinals[i]!
        const frequency = block.frequencies[i]!
        add(ordinal, (idf * frequency) / (frequency + norms![ordinal]!))
      }
      for (let i = recent.first(id); i >= 0; i = recent.next(i)) {
        const frequency = recent.frequency(i)
        add(recent.ordinal(i), (idf * frequency) / (frequency + norms![recent.ordinal(i)]!))
      }
    }
    const found = new Int32Array(sums.count)
    const scores = new Float64Array(sums.count)
    let count = 0
    for (let i = 0; i < sums.count; i++) {
      const ordinal = touched[i]!
      if (rows[ordinal] === dead) continue
      found[count] = rows[ordinal]!
      scores[count++] = values[ordinal]!
    }
    return {
      bound,
      rows: found.subarray(0, count),
      scores: scores.subarray(0, count),
      of(row) {
        const ordinal = ordinalOf[row] ?? dead
        return ordinal === dead ? 0 : (values[ordinal] ?? 0)
      },
    }
  }

  /** One block of everything that is alive; terms that nobody holds any more are gone. */
  const merged = (): SavedPostings => {
    let next = 0
    const renumbered = Int32Array.from(rows, (row) => (row === dead ? dead : next++))
    const ordinals = new Uint32Array(block.ordinals.length + recent.size)
    const frequencies = new Float32Array(ordinals.length)
    const terms: string[] = []
    const starts = [0]
    let end = 0
    const copy = (ordinal: number, frequency: number): void => {
      if (renumbered[ordinal] === dead) return
      ordinals[end] = renumbered[ordinal]!
      frequencies[end++] = frequency
    }
    for (const [term, id] of termIds) {
      const to = block.starts[id + 1] ?? 0
      for (let i = block.starts[id] ?? 0; i < to; i++) copy(block.ordinals[i]!, block.frequencies[i]!)
      for (let i = recent.first(id); i >= 0; i = recent.next(i)) copy(recent.ordinal(i), recent.frequency(i))
      if (end === starts.at(-1)) continue
      terms.push(term)
      starts.push(end)
    }
    const living = <T>(values: readonly T[]): T[] => values.filter((_, ordinal) => renumbered[ordinal] !== dead)
    return {
      terms,
      starts: Uint32Array.from(starts),
      ordinals: ordinals.slice(0, end),
      frequencies: frequencies.slice(0, end),
      rows: Int32Array.from(living(rows)),
      lengths: Float32Array.from(living(lengths)),
    }
  }

  return {
    set(row, title, text) {
      forget(row)
      const counts = countTerms(analyze, title, text, titleWeight)
      const ordinal = rows.length
      for (const [term, frequency] of counts.frequencies) {
        let id = termIds.get(term)
        if (id === undefined) termIds.set(term, (id = termIds.size))
        recent.add(id, ordinal, frequency)
      }
      rows.push(row)
      lengths.push(counts.length)
      ordinalOf[row] = ordinal
      alive++
      totalLength += counts.length
      norms = undefined
      // Each merge adds half of the block or drops half of the ordinals, so a document is copied a few times in all.
      if (recent.size > Math.max(100_000, block.ordinals.length / 2) || rows.length > 2 * alive + 1000) merge()
    },

    delete: forget,

    score(text) {
      const ready = prepared.get(text)
      if (!ready) return scoreNow(text)
      prepared.delete(text)
      spare.push(sums)
      sums = ready.sums
      return ready.scores
    },

    prepare(text) {
      if (prepared.has(text) || rows.length > mostPreparedScores) return
      const room = Math.min(mostPrepared, Math.floor(mostPreparedScores / Math.max(1, rows.length)))
      for (const [oldest, { sums: unused }] of prepared) {
        if (prepared.size < room) break
        prepared.delete(oldest)
        spare.push(unused)
      }
      const kept = sums
      sums = spare.pop() ?? noSums()
      try {
        prepared.set(text, { scores: scoreNow(text), sums })
      } finally {
        sums = kept
      }
    },

    save() {
      merge()
      return block
    },
  }
}

function noSums(): Sums {
  return { values: new Float64Array(0), touched: new Uint32Array(0), count: 0 }
}

const empty: SavedPostings = {
  terms: [],
  starts: new Uint32Array(1),
  ordinals: new Uint32Array(0),
  frequencies: new Float32Array(0),
  rows: new Int32Array(0),
  lengths: new Float32Array(0),
}
