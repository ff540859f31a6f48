import type * as textSplitters from '@langchain/textsplitters'
import type { Document } from '../../document.ts'
import { InvalidArgumentError, MissingPackageError } from '../../errors.ts'

export interface SplitOptions {
  /** Characters in a part, at most. @default 1000 */
  readonly chunkSize?: number
  /** Characters that a part repeats of the one before. @default 100 */
  readonly chunkOverlap?: number
}

/** Cuts a document into parts; one that is short enough comes back alone and unchanged. */
export type Splitter = (document: Document, format: string) => Promise<Document[]>

/** File extensions whose language `@langchain/textsplitters` knows where to cut. */
const languages = {
  md: 'markdown',
  markdown: 'markdown',
  mdx: 'markdown',
  rst: 'rst',
  html: 'html',
  htm: 'html',
  tex: 'latex',
  py: 'python',
  js: 'js',
  mjs: 'js',
  cjs: 'js',
  jsx: 'js',
  ts: 'js',
  tsx: 'js',
  java: 'java',
  go: 'go',
  rs: 'rust',
  rb: 'ruby',
  php: 'php',
  scala: 'scala',
  swift: 'swift',
  c: 'cpp',
  h: 'cpp',
  cc: 'cpp',
  cpp: 'cpp',
  hpp: 'cpp',
  proto: 'proto',
  sol: 'sol',
} as const

/**
 * Splits at headings, paragraphs, sentences and words, in that order, so that the encoder reads all of a long document
 * and not only its beginning. Parts are called `id#1`, `id#2` …, keep the title, and say in their metadata which
 * document (`chunkOf`) and which part of it (`chunk`) they are. The package is loaded when the first long document comes.
 */
export function textSplitter({ chunkSize = 1000, chunkOverlap = 100 }: SplitOptions = {}): Splitter {
  if (chunkOverlap >= chunkSize) {
    throw new InvalidArgumentError('--chunk-overlap', `is ${chunkOverlap} but must be less than --chunk-size (${chunkSize})`)
  }
  return async (document, format) => {
    if (document.text.length <= chunkSize) return [document]
    const { RecursiveCharacterTextSplitter } = await load()
    const language = Object.hasOwn(languages, format) ? languages[format as keyof typeof languages] : undefined
    const options = { chunkSize, chunkOverlap }
    const splitter = language
      ? RecursiveCharacterTextSplitter.fromLanguage(language, options)
      : new RecursiveCharacterTextSplitter({ ...options, separators: ['\n\n', '\n', '. ', ' ', ''] })
    const parts = (await splitter.splitText(document.text)).filter((part) => part.trim() !== '')
    if (parts.length <= 1) return [document]
    return parts.map((text, i) => ({
      ...document,
      id: `${document.id}#${i + 1}`,
      text,
      metadata: { ...document.metadata, chunkOf: document.id, chunk: i + 1 },
    }))
  }
}

async function load(): Promise<typeof textSplitters> {
  try {
    return await import('@langchain/textsplitters')
  } catch (error) {
    const install = 'npm install @langchain/textsplitters @langchain/core (or add --no-split to store long documents whole)'
    throw new MissingPackageError('@langchain/textsplitters', 'Splitting long documents', install, error)
  }
}
