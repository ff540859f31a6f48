import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Document } from '../../src/document.ts'

const read = (name: string): string => readFileSync(new URL(`../../examples/demo/${name}`, import.meta.url), 'utf8')
const documents = read('corpus.jsonl')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Document)
const questions = JSON.parse(read('questions.json')) as { question: string; domain: string[]; expected: string[] }[]
const domains = ['medical', 'shell', 'code', 'tools', 'bank', 'assistant', 'other']

describe('the demo corpus', () => {
  it('has enough short documents of every domain, under readable ids', () => {
    expect(documents.length).toBeGreaterThanOrEqual(180)
    expect(new Set(documents.map(({ id }) => id)).size).toBe(documents.length)
    for (const domain of domains) expect(documents.filter(({ metadata }) => metadata?.domain === domain).length).toBeGreaterThanOrEqual(15)
    for (const { id, text, metadata } of documents) {
      expect(id).toMatch(/^[a-z]+(-[a-z0-9]+)+$/)
      expect(id.startsWith(`${metadata?.domain as string}-`)).toBe(true)
      expect(text.length).toBeGreaterThan(40)
      expect(text.length).toBeLessThan(700)
    }
  })

  it('uses the same words in several domains, so that routing matters', () => {
    for (const word of ['cold', 'kill', 'cell', 'shell', 'python', 'balance', 'branch', 'cat', 'timer', 'depression']) {
      const where = new Set(
        documents
          .filter(({ title = '', text }) => new RegExp(`${word}`, 'i').test(`${title} ${text}`))
          .map(({ metadata }) => metadata?.domain),
      )
      expect([word, where.size >= 2]).toEqual([word, true])
    }
  })
})

describe('the demo questions', () => {
  it('are answered by documents of the corpus', () => {
    const ids = new Set(documents.map(({ id }) => id))
    expect(questions.length).toBeGreaterThanOrEqual(14)
    for (const { expected } of questions) {
      expect(expected.length).toBeGreaterThan(0)
      expect(expected.filter((id) => !ids.has(id))).toEqual([])
    }
  })

  it('name two domains, none, or use another script, now and then', () => {
    expect(questions.filter(({ domain }) => domain.length === 2).length).toBeGreaterThanOrEqual(2)
    expect(questions.some(({ domain }) => domain.includes('other'))).toBe(true)
    expect(questions.some(({ question }) => /\p{Script=Cyrillic}|\p{Script=Han}/u.test(question))).toBe(true)
  })

  it('are not copied from the documents', () => {
    for (const { question } of questions) {
      for (const { text, title = '' } of documents)
        expect(`${title} ${text}`.toLowerCase()).not.toContain(question.toLowerCase().replace(/\?$/, ''))
    }
  })
})
