import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readLines, type Line } from '../../../src/cli/sources/lines.ts'
import { folder } from '../folder.ts'

async function lines(content: string | Uint8Array, limit?: number): Promise<Line[]> {
  const found: Line[] = []
  for await (const line of readLines(join(folder({ file: content }), 'file'), limit)) found.push(line)
  return found
}

describe('readLines', () => {
  it('numbers lines from 1 and leaves out blank ones', async () => {
    const found = await lines('one\n\n  \nfour\n')

    expect(found.map(({ number, text }) => [number, text])).toEqual([
      [1, 'one'],
      [4, 'four'],
    ])
  })

  it('reads a last line without an end, Windows ends and a byte order mark', async () => {
    const found = await lines('\uFEFFone\r\ntwo\r\nthree')

    expect(found.map(({ text }) => text)).toEqual(['one', 'two', 'three'])
  })

  it('does not cut at line separators that JSON strings may hold', async () => {
    expect(await lines('"a\u2028b\u2029c"\n')).toHaveLength(1)
  })

  it('says how many bytes it has read', async () => {
    const found = await lines('é\nbc\nd')

    expect(found.map(({ position }) => position)).toEqual([3, 6, 7])
  })

  it('joins a line that spans several reads, characters and all', async () => {
    const long = 'é'.repeat(400_000)

    const found = await lines(`${long}\nshort`)

    expect(found[0]!.text === long).toBe(true)
    expect(found[1]!.text).toBe('short')
  })

  it('reports lines that are not UTF-8 or too long, and goes on', async () => {
    const found = await lines(Buffer.concat([Buffer.from('ok\n'), Buffer.from([0xff, 0xfe, 10]), Buffer.from('far too long\nok\n')]), 8)

    expect(found.map(({ number, text, problem }) => [number, text ?? problem])).toEqual([
      [1, 'ok'],
      [2, 'is not UTF-8 text'],
      [3, expect.stringContaining('is longer than')],
      [4, 'ok'],
    ])
  })

  it('finds nothing in an empty file', async () => {
    expect(await lines('')).toEqual([])
  })
})
