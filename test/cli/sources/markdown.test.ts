import { describe, expect, it } from 'vitest'
import { parseMarkdown } from '../../../src/cli/sources/markdown.ts'

describe('parseMarkdown', () => {
  it('takes the title from the first heading and does not repeat it in the text', () => {
    expect(parseMarkdown('# Installing *Pilotfish*\n\nRun `npm i`.\n\n## Later\nx')).toEqual({
      title: 'Installing Pilotfish',
      text: 'Run `npm i`.\n\n## Later\nx',
      metadata: {},
    })
  })

  it('leaves a heading further down where it is', () => {
    expect(parseMarkdown('An introduction.\n\n## Setup ##\nx')).toMatchObject({
      title: 'Setup',
      text: 'An introduction.\n\n## Setup ##\nx',
    })
  })

  it('understands underlined headings', () => {
    expect(parseMarkdown('Setup\n=====\nx')).toMatchObject({ title: 'Setup', text: 'x' })
  })

  it('is not taken in by code blocks, lists and rules', () => {
    expect(parseMarkdown('```sh\n# a comment\n```\n\n- item\n---\n\n# Real').title).toBe('Real')
    expect(parseMarkdown('text\n\n---\n\nmore').title).toBeUndefined()
    expect(parseMarkdown('#hashtag').title).toBeUndefined()
  })

  it('reads flat front matter as metadata, and its title as the title', () => {
    const { title, text, metadata } = parseMarkdown(
      '---\ntitle: "Deposits: the law"\nyear: 2024\nprice: -1.5\ndraft: false # not yet\ntags: [rent, "law, civil"]\nauthors:\n  - Ada\n  - Bo\nempty:\nversion: 1.2.0\n---\n# Heading\nBody',
    )

    expect(title).toBe('Deposits: the law')
    expect(text).toBe('# Heading\nBody')
    expect(metadata).toEqual({
      year: 2024,
      price: -1.5,
      draft: false,
      tags: ['rent', 'law, civil'],
      authors: ['Ada', 'Bo'],
      empty: null,
      version: '1.2.0',
    })
  })

  it('keeps front matter it does not understand as the text it is', () => {
    expect(parseMarkdown('---\nmap:\n  a: 1\n  b: 2\n---\nx').metadata).toEqual({ map: '  a: 1\n  b: 2' })
  })

  it('takes a rule at the top for a rule when nothing closes it', () => {
    expect(parseMarkdown('---\nsome text')).toEqual({ title: undefined, text: '---\nsome text', metadata: {} })
  })

  it('reads Windows line ends', () => {
    expect(parseMarkdown('---\r\nyear: 1\r\n---\r\n# T\r\n\r\nx')).toEqual({ title: 'T', text: 'x', metadata: { year: 1 } })
  })
})
