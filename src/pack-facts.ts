import type { LoadedPack } from './load-pack.ts'
import { englishAnalysis } from './store/lexical/analyzer.ts'
import { lexicalSettings } from './store/lexical/bm25.ts'
import type { LexicalOptions } from './store/store.ts'

/** Everything that BM25's scores depend on beside the texts. */
export interface LexicalFacts extends Required<LexicalOptions> {
  readonly stopWords: { readonly list: string; readonly words: number }
  readonly stemmer: string
}

/** BM25's constants under a pack. */
export function lexicalFacts({ lexical }: Pick<LoadedPack, 'lexical'>): LexicalFacts {
  return { ...lexicalSettings(lexical), ...englishAnalysis }
}
