import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeReport } from '../../../src/eval/index.ts'
import type { DocumentColumns, QueryColumns, ReportSummary } from '../../../src/eval/report/report.ts'
import { terminal } from '../../cli/terminal.ts'
import { fakeResults } from './fake-results.ts'

let folder: string
let results: string
let file: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-report-'))
  results = join(folder, 'results')
  file = join(folder, 'report.html')
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** What the page would unpack. */
function unpacked<T>(id: string): T {
  const base64 = new RegExp(`id="${id}">([^<]*)<`).exec(readFileSync(file, 'utf8'))![1]!
  return JSON.parse(gunzipSync(Buffer.from(base64, 'base64')).toString('utf8')) as T
}

describe('writeReport', () => {
  it('puts figures, questions and documents into one file', async () => {
    fakeResults(results, { queries: 90, documents: 20 })

    await writeReport([results], file)

    const summary = unpacked<ReportSummary>('data-summary')
    const queries = unpacked<QueryColumns>('data-queries-0')
    const documents = unpacked<DocumentColumns>('data-documents')
    expect(summary.results.map(({ label }) => label)).toEqual(['Shipped pack, alone'])
    expect(summary.results[0]!.metrics).toEqual(['ndcg@10', 'recall@100', 'mrr@10'])
    expect(summary.results[0]!.systems.find(({ name }) => name === 'router:default')!.mean['ndcg@10']!.against).toHaveProperty('multi-task')
    expect(queries.text).toHaveLength(90)
    expect(summary.documents.count).toBe(documents.id.length)
  })

  it('keeps every hit, grade and score of a question', async () => {
    fakeResults(results, { queries: 90, documents: 20 })
    const lines = gunzipSync(readFileSync(join(results, 'queries.jsonl.gz')))
      .toString('utf8')
      .trim()
      .split('\n')
    const record = JSON.parse(lines[37]!) as {
      hits: Record<string, string[]>
      relevant: Record<string, number>
      scores: Record<string, number>
    }

    await writeReport([results], file)

    const queries = unpacked<QueryColumns>('data-queries-0')
    const { id } = unpacked<DocumentColumns>('data-documents')
    const pool = queries.pool[37]!.map((document) => id[document]!)
    const hits = Object.fromEntries(
      queries.lists.map((list, i) => [list, [...queries.hits[i]![37]!].map((code) => pool[code.charCodeAt(0) - 48]!)]),
    )
    expect(hits).toEqual(record.hits)
    expect(Object.fromEntries(queries.grades[37]!.map((grade, i) => [pool[i]!, grade]))).toEqual(record.relevant)
    for (const [i, system] of queries.systems.entries()) expect(queries.scores[i]![37]! / 10_000).toBeCloseTo(record.scores[system]!, 4)
  })

  it('needs nothing but the comparison', async () => {
    fakeResults(results, { queries: 18, documents: 5 })
    const comparison = readFileSync(join(results, 'comparison.json'))
    rmSync(results, { recursive: true })
    mkdirSync(results)
    writeFileSync(join(results, 'comparison.json'), comparison)

    await writeReport([results], file)

    expect(unpacked<QueryColumns>('data-queries-0').text).toEqual([])
  })

  it('tells directories with the same pack and setting apart', async () => {
    for (const name of ['first', 'second']) fakeResults(join(folder, name), { queries: 9, documents: 5 })

    await writeReport([join(folder, 'first'), join(folder, 'second')], file)

    expect(unpacked<ReportSummary>('data-summary').results.map(({ label }) => label)).toEqual([
      'Shipped pack, alone: first',
      'Shipped pack, alone: second',
    ])
  })

  it('lets no title and no document become markup', async () => {
    const hostile = '</script><script>alert(1)</script><img src=x>'
    fakeResults(results, { queries: 18, documents: 5, hostile })

    await writeReport([results], file, { title: hostile })

    const html = readFileSync(file, 'utf8')
    expect(html).not.toContain(hostile)
    expect(html).not.toContain('<img')
    expect(html.match(/<script>/g)).toHaveLength(2)
    expect(unpacked<QueryColumns>('data-queries-0').text[0]).toBe(hostile)
  })

  it('holds the licences of what it inlines, and names no other host', async () => {
    fakeResults(results, { queries: 9, documents: 5 })

    await writeReport([results], file)

    const html = readFileSync(file, 'utf8')
    expect(html).toMatch(/@observablehq\/plot [\d.]+/)
    expect(html).toContain('Permission to use, copy, modify')
    expect(html).toContain("default-src 'none'")
    expect(html).not.toMatch(/<(?:link|img|iframe)\b|<script[^>]*\bsrc=|@import|url\(\s*['"]?https?:/)
  })

  it('names the file and the line that cannot be understood', async () => {
    fakeResults(results, { queries: 9, documents: 5 })
    const path = join(results, 'queries.jsonl.gz')
    const [first] = gunzipSync(readFileSync(path)).toString('utf8').split('\n')
    writeFileSync(path, gzipSync(`${first}\n{"set": "medquad"}\n`))

    await expect(writeReport([results], file)).rejects.toMatchObject({ code: 'INVALID_DATA', path, line: 2 })
    writeFileSync(path, 'not gzip')
    await expect(writeReport([results], file)).rejects.toMatchObject({ code: 'INVALID_DATA', path })
    await expect(writeReport([folder], file)).rejects.toThrow(/comparison\.json is missing; `pilotfish eval/)
    await expect(writeReport([], file)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

describe('pilotfish report', () => {
  it('writes the file and says how large it is', async () => {
    fakeResults(results, { queries: 9, documents: 5 })

    const { code, stdout } = await terminal().execute('report', results, '--out', file, '--title', 'Ours')

    expect(code).toBe(0)
    expect(stdout).toMatch(/^Wrote .*report\.html \(0\.\d MB\)/)
    expect(unpacked<ReportSummary>('data-summary').title).toBe('Ours')
  })
})
