import { readdir, stat } from 'node:fs/promises'
import { basename, extname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { InvalidArgumentError } from '../../errors.ts'
import type { Report, Source } from './source.ts'

export interface WalkOptions {
  /** Directory that document ids are relative to. @default the working directory */
  readonly root?: string
  /** Only files with these extensions, without the dot; directories of retrieval sets are always taken. @default every text file */
  readonly extensions?: readonly string[]
  readonly report: Report
}

/**
 * Every file under the given paths that may hold documents, in a stable order. Directories are walked to the bottom;
 * hidden entries and `node_modules` are left out unless named. A directory with `corpus.jsonl` beside `queries.jsonl`
 * or `qrels/` is a retrieval set: its corpus is taken and nothing else.
 * @throws InvalidArgumentError for a path that is not there.
 */
export async function listSources(paths: readonly string[], options: WalkOptions): Promise<Source[]> {
  const root = resolve(options.root ?? '.')
  const starts = await Promise.all(paths.map((path) => existing(path)))
  const sources = new Map<string, Source>()
  for (const { path, directory } of starts) {
    const name = nameOf(path, root)
    const found = directory ? walk(path, name, options) : [await source(path, name, options)]
    for await (const item of found) if (item) sources.set(resolve(item.path), item)
  }
  return [...sources.values()]
}

async function existing(path: string): Promise<{ path: string; directory: boolean }> {
  try {
    const stats = await stat(path)
    return { path, directory: stats.isDirectory() }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    throw new InvalidArgumentError(path, code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`)
  }
}

async function* walk(directory: string, name: string, options: WalkOptions): AsyncGenerator<Source | undefined> {
  let entries
  try {
    entries = await readdir(directory, { withFileTypes: true })
  } catch (error) {
    return options.report({ file: directory, reason: `cannot be read (${(error as NodeJS.ErrnoException).code})` })
  }
  const names = new Set(entries.map((entry) => entry.name))
  if (names.has('corpus.jsonl') && (names.has('queries.jsonl') || names.has('qrels'))) {
    const path = join(directory, 'corpus.jsonl')
    return yield { kind: 'beir', path, name: basename(resolve(directory)), bytes: (await stat(path)).size }
  }
  // By code point, so that a listing does not depend on the locale.
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue
    const path = join(directory, entry.name)
    const below = name === '' ? entry.name : `${name}/${entry.name}`
    if (entry.isDirectory()) yield* walk(path, below, options)
    else yield await source(path, below, options)
  }
}

async function source(path: string, name: string, { extensions, report }: WalkOptions): Promise<Source | undefined> {
  const extension = extname(path).slice(1).toLowerCase()
  if (extensions && !extensions.includes(extension)) return undefined
  let stats
  try {
    stats = await stat(path)
  } catch (error) {
    return void report({ file: path, reason: `cannot be read (${(error as NodeJS.ErrnoException).code})` })
  }
  // Only a link can be a directory here; following it might go round in circles.
  if (stats.isDirectory()) return void report({ file: path, reason: 'is a link to a directory; name it to have it added', harmless: true })
  if (!stats.isFile()) return void report({ file: path, reason: 'is not a regular file', harmless: true })
  return { kind: kindOf(extension), path, name, bytes: stats.size }
}

function kindOf(extension: string): Source['kind'] {
  if (extension === 'jsonl' || extension === 'ndjson') return 'json-lines'
  return ['md', 'markdown', 'mdx'].includes(extension) ? 'markdown' : 'text'
}

/** Relative to the root where the path lies in it, else its last part. The root itself has the empty name. */
function nameOf(path: string, root: string): string {
  const inside = relative(root, resolve(path))
  const outside = inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)
  return (outside ? basename(resolve(path)) : inside).split(sep).join('/')
}
