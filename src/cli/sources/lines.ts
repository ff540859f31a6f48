import { createReadStream } from 'node:fs'

/** One line of a file. */
export interface Line {
  /** Counted from 1. */
  readonly number: number
  /** `undefined` when the line is not UTF-8 or longer than the limit. */
  readonly text: string | undefined
  readonly problem?: string
  /** Bytes of the file up to the end of this line. */
  readonly position: number
}

/** The longest line that is read: no document is longer, and memory stays bounded. */
const lineLimit = 64 * 2 ** 20

/**
 * The lines of a file that are not blank. Only `\n` ends a line (`\r` before it is dropped): `node:readline` would also
 * cut at U+2028, which JSON strings may contain.
 */
export async function* readLines(path: string, limit = lineLimit): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let number = 0
  let position = 0
  let parts: Buffer[] = []
  let length = 0

  const finish = (end: number): Line => {
    number++
    position += end
    const bytes = length > limit ? undefined : Buffer.concat(parts)
    const long = length > limit
    parts = []
    length = 0
    if (long) return { number, position, text: undefined, problem: `is longer than ${limit / 2 ** 20} MB` }
    try {
      // Drops a byte order mark as well.
      return { number, position, text: decoder.decode(bytes).replace(/\r$/, '') }
    } catch {
      return { number, position, text: undefined, problem: 'is not UTF-8 text' }
    }
  }
  const append = (part: Buffer): void => {
    length += part.length
    if (length <= limit) parts.push(part)
    else parts = []
  }

  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 18 }) as AsyncIterable<Buffer>) {
    let start = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      append(chunk.subarray(start, end))
      const line = finish(length + 1)
      if (line.text === undefined || line.text.trim() !== '') yield line
      start = end + 1
    }
    append(chunk.subarray(start))
  }
  const last = finish(length)
  if (last.text === undefined || last.text.trim() !== '') yield last
}
