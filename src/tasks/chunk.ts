import { InvalidArgumentError } from '../errors.ts'

export interface ChunkOptions {
  /** Text right before the chunk. @default none */
  readonly context?: string
  /** Characters of the whole query: the beginning of the context is cut off first, the chunk never. @default all are kept */
  readonly maxCharacters?: number
}

/**
 * The query with which a long text is continued (task `lrlm`): its latest chunk, after as much of the text before it as is wanted. They were
 * one text: a space is put between them only where neither brings white space.
 */
export function chunkQuery(chunk: string, { context = '', maxCharacters = Number.MAX_SAFE_INTEGER }: ChunkOptions = {}): string {
  if (!(Number.isInteger(maxCharacters) && maxCharacters > 0))
    throw new InvalidArgumentError('maxCharacters', `is ${maxCharacters}, not a whole number above 0`)
  const joined = context === '' || /\s$/.test(context) || /^\s/.test(chunk) ? context : `${context} `
  const kept = joined.slice(Math.max(0, joined.length - Math.max(0, maxCharacters - chunk.length)))
  // Not from the middle of a character on.
  return (/^[\udc00-\udfff]/.test(kept) ? kept.slice(1) : kept) + chunk
}
