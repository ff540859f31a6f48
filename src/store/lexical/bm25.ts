import { InvalidArgumentError } from '../../errors.ts'
import type { LexicalOptions } from '../store.ts'
import type { Analyzer, LexicalSettings } from './lexical.ts'

/** Fills in the defaults. @throws InvalidArgumentError */
export function lexicalSettings({ k1 = 1.2, b = 0.75, titleWeight = 1 }: LexicalOptions = {}): LexicalSettings {
  if (!(Number.isFinite(k1) && k1 >= 0)) throw new InvalidArgumentError('lexical.k1', 'must be a number of 0 or more')
  if (!(b >= 0 && b <= 1)) throw new InvalidArgumentError('lexical.b', 'must be a number from 0 to 1')
  if (!(Number.isFinite(titleWeight) && titleWeight >= 0))
    throw new InvalidArgumentError('lexical.titleWeight', 'must be a number of 0 or more')
  return { k1, b, titleWeight }
}

/** How rare a term is; Lucene's form, positive even for terms that most documents hold. */
export function inverseDocumentFrequency(documents: number, withTerm: number): number {
  return Math.log(1 + (documents - withTerm + 0.5) / (withTerm + 0.5))
}

/**
 * What one term adds to a document's score, from 0 to its inverse document frequency (without the constant k1 + 1,
 * which orders nothing): Robertson and Zaragoza 2009, eq. 3.15.
 */
export function termScore(idf: number, frequency: number, length: number, averageLength: number, { k1, b }: LexicalSettings): number {
  return (idf * frequency) / (frequency + k1 * (1 - b + (b * length) / averageLength))
}

/** Term frequencies of a document, a title's terms counting `titleWeight` times, and their sum. */
export function countTerms(analyze: Analyzer, title: string | undefined, text: string, titleWeight: number): TermCounts {
  const frequencies = new Map<string, number>()
  let length = 0
  const count = (terms: readonly string[], weight: number): void => {
    for (const term of terms) frequencies.set(term, (frequencies.get(term) ?? 0) + weight)
    length += terms.length * weight
  }
  count(analyze(text), 1)
  if (title && titleWeight > 0) count(analyze(title), titleWeight)
  return { frequencies, length }
}

export interface TermCounts {
  readonly frequencies: ReadonlyMap<string, number>
  readonly length: number
}
