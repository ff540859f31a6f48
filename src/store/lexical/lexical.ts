import type { LexicalOptions } from '../store.ts'

/** Turns text into the terms BM25 counts, in order, repetitions included. Pure: equal texts give equal terms. */
export type Analyzer = (text: string) => string[]

/** How BM25 scores, every choice made. */
export type LexicalSettings = Required<LexicalOptions>
