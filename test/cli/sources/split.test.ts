import { describe, expect, it } from 'vitest'
import { textSplitter } from '../../../src/cli/sources/split.ts'

const paragraphs = Array.from({ length: 12 }, (_, i) => `Paragraph ${i + 1} says something about sailing, at some length.`).join('\n\n')

describe('textSplitter', () => {
  it('leaves a short document as it is', async () => {
    const document = { id: 'a', text: 'short', metadata: { year: 1 } }

    expect(await textSplitter()(document, 'txt')).toEqual([document])
  })

  it('cuts a long one into parts that say where they come from', async () => {
    const parts = await textSplitter({ chunkSize: 200, chunkOverlap: 0 })(
      { id: 'a', title: 'Sailing', text: paragraphs, metadata: { year: 1 } },
      'txt',
    )

    expect(parts.length).toBeGreaterThan(3)
    expect(parts[1]).toMatchObject({ id: 'a#2', title: 'Sailing', metadata: { year: 1, chunkOf: 'a', chunk: 2 } })
    expect(parts.every(({ text }) => text.length <= 200)).toBe(true)
  })

  it('loses nothing', async () => {
    const parts = await textSplitter({ chunkSize: 200, chunkOverlap: 0 })({ id: 'a', text: paragraphs }, 'txt')

    expect(
      parts
        .map(({ text }) => text)
        .join(' ')
        .replace(/\s+/g, ' '),
    ).toBe(paragraphs.replace(/\s+/g, ' '))
  })

  it('cuts Markdown at its headings', async () => {
    const section = (name: string): string => `## ${name}\n\n${'word '.repeat(30).trim()}\n`

    const parts = await textSplitter({ chunkSize: 200, chunkOverlap: 0 })({ id: 'a', text: section('One') + section('Two') }, 'md')

    expect(parts.map(({ text }) => text.split('\n')[0])).toEqual(['## One', '## Two'])
  })

  it('cuts text without any spaces', async () => {
    const parts = await textSplitter({ chunkSize: 100, chunkOverlap: 10 })({ id: 'a', text: 'x'.repeat(1000) }, 'constructor')

    expect(parts.length).toBeGreaterThan(9)
  })

  it('refuses an overlap that would never end', () => {
    expect(() => textSplitter({ chunkSize: 100, chunkOverlap: 100 })).toThrow(
      '--chunk-overlap is 100 but must be less than --chunk-size (100)',
    )
  })
})
