import type { Document } from '../../document.ts'
import { englishAnalyzer } from '../lexical/analyzer.ts'
import { lexicalSettings } from '../lexical/bm25.ts'
import { postings } from '../lexical/postings.ts'
import type { LexicalOptions } from '../store.ts'
import { topK } from '../top-k.ts'

/** What BM25 says to one text. */
export interface LexicalPart {
  /** The best rows, best first. */
  readonly best: readonly number[]
  readonly bound: number
  /** Score of a row that was asked for, or is among the best. */
  of(row: number): number
}

interface Remembered {
  readonly k: number
  readonly best: readonly number[]
  readonly bound: number
  readonly scores: Map<number, number>
}

/** BM25 that remembers the last texts: the same question is asked by many systems. */
export function lexicalParts(options: LexicalOptions | undefined) {
  const index = postings(englishAnalyzer(), lexicalSettings(options))
  const texts = new Map<string, Remembered>()

  return {
    add(row: number, { title, text }: Document): void {
      index.set(row, title, text)
      texts.clear()
    },

    /** @param order Decides between equal scores. */
    search(text: string, k: number, rows: Iterable<number>, order: Int32Array): LexicalPart {
      let part = texts.get(text)
      const wanted = [...rows]
      if (!part || part.k < k || wanted.some((row) => !part!.scores.has(row))) {
        const found = index.score(text)
        const kept = topK<number>(k, (a, b) => order[a]! < order[b]!)
        let threshold = kept.threshold()
        found.scores.forEach((score, i) => {
          if (score < threshold) return
          kept.offer(found.rows[i]!, score)
          threshold = kept.threshold()
        })
        const best = kept.take()
        const scores = new Map(part?.scores)
        for (const row of [...wanted, ...best]) scores.set(row, found.of(row))
        part = { k, best, bound: found.bound, scores }
        texts.delete(text)
        texts.set(text, part)
        if (texts.size > most) texts.delete(texts.keys().next().value!)
      }
      const { best, bound, scores } = part
      return { best: best.length > k ? best.slice(0, k) : best, bound, of: (row) => scores.get(row) ?? 0 }
    },
  }
}

/** Texts remembered: a few blocks of questions. */
const most = 2048
