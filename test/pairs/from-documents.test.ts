import { describe, expect, it } from 'vitest'
import { pairsFromDocuments, type SourceText } from '../../src/pairs/from-documents.ts'
import { markdownSections, passagesOf } from '../../src/pairs/sections.ts'

async function made(documents: SourceText[], limit?: number) {
  const { queries, documents: passages } = await pairsFromDocuments(documents, { ...(limit !== undefined && { limit }) })
  return queries.map(({ text, positives }) => ({ query: text, passage: passages[positives[0]!]! }))
}

describe('questions made of documents', () => {
  it('ask for a section by its heading, and for a passage by one of its sentences', async () => {
    const text =
      '# Reefing\n\nThe mainsail is made smaller. Ease the sheet before you lower the halyard. Hook in the new tack at the mast.\n'

    const pairs = await made([{ title: 'Sailing', text, markdown: true }])

    expect(pairs).toHaveLength(2)
    const [sentence, heading] = pairs
    expect(heading!.query).toBe('Sailing Reefing')
    expect(text).toContain(sentence!.query)
    expect(sentence!.passage).not.toContain(sentence!.query)
    expect(sentence!.passage).toBe(heading!.passage)
  })

  it('are the title for a document without headings', async () => {
    expect(await made([{ title: 'Knots', text: 'A bowline holds.' }])).toEqual([{ query: 'Knots', passage: 'A bowline holds.' }])
  })

  it('are not made of code, of two sentences alone, or of nothing', async () => {
    const code = 'See below for it.\n\n```sh\n# This is no heading of the text at all.\nrun this. And then that one too. And this.\n```\n'

    expect(await made([{ text: code, markdown: true }, { text: 'Only one sentence. And one more is here.' }, { text: ' ' }])).toEqual([])
  })

  it('leave passages that give none in the collection, as wrong answers', async () => {
    const { queries, documents } = await pairsFromDocuments([
      { title: 'Knots', text: 'A bowline holds.' },
      { text: 'Only one sentence. And one more is here.' },
    ])

    expect(queries).toHaveLength(1)
    expect(documents).toEqual(['A bowline holds.', 'Only one sentence. And one more is here.'])
  })

  it('are the same on every call, and as many as wanted', async () => {
    const documents = Array.from({ length: 40 }, (_, i) => ({ title: `Title ${i}`, text: `Text of document ${i}.` }))

    expect(await made(documents, 10)).toHaveLength(10)
    expect(await made(documents, 10)).toEqual(await made(documents, 10))
  })
})

describe('sections', () => {
  it('begin at headings of both kinds, outside code', () => {
    expect(markdownSections('above\n\n# One `two`\ntext\n```\n# no\n```\nThree\n=====\n\nmore\n## Empty\n## [Four](x)\nlast')).toEqual([
      { heading: undefined, text: 'above' },
      { heading: 'One two', text: 'text\n```\n# no\n```' },
      { heading: 'Three', text: 'more' },
      { heading: 'Four', text: 'last' },
    ])
  })

  it('are cut into passages at paragraphs', () => {
    expect(passagesOf('aaaa\n\nbbbb\n\n\ncccccccccccc', 10)).toEqual(['aaaa\n\nbbbb', 'cccccccccccc'])
  })
})
