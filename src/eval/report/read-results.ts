import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { InvalidDataError } from '../../errors.ts'
import type { DocumentSnippet, PilotPlace, QueryRecord, Study } from '../results.ts'
import type { SavedComparison } from './saved-comparison.ts'

const unzip = promisify(gunzip)

/** What `pilotfish eval --out` and the studies left in a directory. */
export interface SavedResults {
  readonly comparison: SavedComparison
  readonly queries: readonly QueryRecord[]
  readonly documents: readonly DocumentSnippet[]
  readonly pilots: readonly PilotPlace[]
  readonly studies: readonly Study[]
}

/**
 * Reads a results directory. Only `comparison.json` must be there.
 * @throws InvalidDataError naming the file, and the line, that is missing or cannot be understood.
 */
export async function readResults(directory: string): Promise<SavedResults> {
  const at = (name: string): string => join(directory, name)
  const comparison = await json<SavedComparison>(at('comparison.json'))
  if (comparison === undefined) {
    throw new InvalidDataError(at('comparison.json'), undefined, 'is missing; `pilotfish eval --data … --out DIR` writes it')
  }
  check(at('comparison.json'), undefined, isObject(comparison.systems) && isObject(comparison.queries), 'has no systems or no queries')
  const queries = await lines<QueryRecord>(
    at('queries.jsonl.gz'),
    ({ set, id, text, route, scores, hits, relevant }) =>
      [typeof set, typeof id, typeof text].every((type) => type === 'string') &&
      [route, scores, hits, relevant].every(isObject) &&
      Array.isArray(route.experts) &&
      Array.isArray(route.scores),
  )
  const documents = await lines<DocumentSnippet>(
    at('documents.jsonl.gz'),
    ({ id, text }) => typeof id === 'string' && typeof text === 'string',
  )
  const pilots = (await json<readonly PilotPlace[]>(at('map.json'))) ?? []
  check(at('map.json'), undefined, Array.isArray(pilots), 'is no list of places')
  return { comparison, queries, documents, pilots, studies: await readStudies(at('studies')) }
}

async function readStudies(folder: string): Promise<Study[]> {
  const names = (await missingAsUndefined(readdir(folder))) ?? []
  const files = names.filter((name) => name.endsWith('.json')).sort()
  return Promise.all(
    files.map(async (name) => {
      const file = join(folder, name)
      const study = (await json<Study>(file))!
      check(
        file,
        undefined,
        isObject(study) && typeof study.name === 'string' && Array.isArray(study.points),
        'is no study: it has no name or no points',
      )
      return study
    }),
  )
}

async function json<T>(file: string): Promise<T | undefined> {
  const text = await missingAsUndefined(readFile(file, 'utf8'))
  return text === undefined ? undefined : parsed<T>(file, undefined, text)
}

/** Lines of a gzipped file, which may be missing. */
async function lines<T>(file: string, valid: (record: T) => boolean): Promise<T[]> {
  const bytes = await missingAsUndefined(readFile(file))
  if (bytes === undefined) return []
  const text = await unzip(bytes).catch((error: unknown) => {
    throw new InvalidDataError(file, undefined, 'is not gzip, or was cut short', error)
  })
  const records: T[] = []
  for (const [i, line] of text.toString('utf8').split('\n').entries()) {
    if (line === '') continue
    const record = parsed<T>(file, i + 1, line)
    check(file, i + 1, isObject(record) && valid(record), 'lacks a field, or has one of another type than expected')
    records.push(record)
  }
  return records
}

function parsed<T>(file: string, line: number | undefined, text: string): T {
  try {
    return JSON.parse(text) as T
  } catch (error) {
    throw new InvalidDataError(file, line, 'is not JSON', error)
  }
}

function check(file: string, line: number | undefined, holds: boolean, problem: string): void {
  if (!holds) throw new InvalidDataError(file, line, problem)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

async function missingAsUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
