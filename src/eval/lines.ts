import { createReadStream } from 'node:fs'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { InvalidDataError } from '../errors.ts'

/**
 * Lines of a text file that are not blank, numbered from 1; of a file whose name ends in `.gz`, unpacked. Not `node:readline`,
 * which lets a stream's error escape as uncaught.
 * @throws InvalidDataError for a file that cannot be read
 */
export async function* lines(path: string): AsyncGenerator<{ line: number; text: string }> {
  const finish = (text: string, line: number): string => (line === 1 ? text.replace(/^\uFEFF/, '') : text).replace(/\r$/, '')
  let line = 0
  // Pieces of a line that has not ended: put together again and again, a long line would take the square of its length.
  let rest: string[] = []
  try {
    for await (const chunk of textOf(path)) {
      const parts = chunk.split('\n')
      const last = parts.pop()!
      for (const part of parts) {
        const text = finish(rest.length > 0 ? rest.concat(part).join('') : part, ++line)
        rest = []
        if (text.trim() !== '') yield { line, text }
      }
      if (last !== '') rest.push(last)
    }
  } catch (error) {
    const code = (error as { code?: unknown }).code
    if (typeof code === 'string' && code.startsWith('Z_'))
      throw new InvalidDataError(path, undefined, 'is not gzip, or was cut short', error)
    if (error instanceof Error && 'syscall' in error) throw new InvalidDataError(path, undefined, 'cannot be read', error)
    throw error
  }
  const text = finish(rest.join(''), ++line)
  if (text.trim() !== '') yield { line, text }
}

function textOf(path: string): AsyncIterable<string> {
  if (!path.endsWith('.gz')) return createReadStream(path, 'utf8') as AsyncIterable<string>
  // The error of either stream reaches the reader of the last.
  const unpacked: Readable = pipeline(createReadStream(path), createGunzip(), () => {})
  return unpacked.setEncoding('utf8') as AsyncIterable<string>
}
