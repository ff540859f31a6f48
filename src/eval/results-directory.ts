import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { createGzip, gunzip, gzip } from 'node:zlib'
import type { Document } from '../document.ts'
import type { DocumentSnippet, PilotPlace, QueryRecord } from './results.ts'
import type { SetResult } from './set-result.ts'

/** Where an evaluation leaves what it found, and puts down what it has while it runs. */
export interface ResultsDirectory {
  /** A set that was finished under these very circumstances by an evaluation that was cut off. */
  takeUp(set: string, circumstances: string): Promise<SetResult | undefined>
  putDown(result: SetResult, circumstances: string): Promise<void>
  write(results: WholeResults): Promise<void>
}

export interface WholeResults {
  readonly comparison: object
  readonly queries: Iterable<QueryRecord>
  /** Documents that may be named, under their full ids. */
  readonly documents: AsyncIterable<Document>
  readonly pilots: readonly PilotPlace[]
}

const zip = promisify(gzip)
const unzip = promisify(gunzip)

/** Longest beginning of a document that is kept. */
const snippet = 200

/** @param fresh Forgets what an evaluation left that was cut off. */
export async function resultsDirectory(directory: string, fresh: boolean): Promise<ResultsDirectory> {
  const unfinished = join(directory, 'unfinished')
  const fileOf = (set: string): string => join(unfinished, `${encodeURIComponent(set)}.json.gz`)
  await mkdir(directory, { recursive: true })
  if (fresh) await rm(unfinished, { recursive: true, force: true })

  return {
    async takeUp(set, circumstances) {
      try {
        const saved = JSON.parse((await unzip(await readFile(fileOf(set)))).toString()) as { circumstances: string; result: SetResult }
        return saved.circumstances === circumstances ? saved.result : undefined
      } catch {
        // Missing or damaged: the set is evaluated again.
        return undefined
      }
    },

    async putDown(result, circumstances) {
      await mkdir(unfinished, { recursive: true })
      const bytes = await zip(JSON.stringify({ circumstances, result }))
      await whole(fileOf(result.set), (path) => writeFile(path, bytes))
    },

    async write({ comparison, queries, documents, pilots }) {
      const named = new Set<string>()
      const records = function* () {
        for (const record of queries) {
          for (const id of Object.keys(record.relevant)) named.add(id)
          for (const hits of Object.values(record.hits)) for (const id of hits) named.add(id)
          yield record
        }
      }
      const snippets = async function* () {
        for await (const { id, title, text } of documents)
          if (named.has(id)) yield { id, ...(title !== undefined && { title }), text: beginning(text) } satisfies DocumentSnippet
      }
      await writeLines(join(directory, 'queries.jsonl.gz'), records())
      await writeLines(join(directory, 'documents.jsonl.gz'), snippets())
      await whole(join(directory, 'map.json'), (path) => writeFile(path, JSON.stringify(pilots)))
      // Last: where it is, the rest is.
      await whole(join(directory, 'comparison.json'), (path) => writeFile(path, `${JSON.stringify(comparison, undefined, 2)}\n`))
      await rm(unfinished, { recursive: true, force: true })
    },
  }
}

async function writeLines(path: string, records: Iterable<object> | AsyncIterable<object>): Promise<void> {
  const text = async function* () {
    for await (const record of records) yield `${JSON.stringify(record)}\n`
  }
  await whole(path, (temporary) => pipeline(Readable.from(text()), createGzip(), createWriteStream(temporary)))
}

/** A file appears whole or not at all. */
async function whole(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${randomUUID()}`
  try {
    await write(temporary)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Never half a character of two code units. */
function beginning(text: string): string {
  const cut = text.slice(0, snippet)
  return /[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut
}
