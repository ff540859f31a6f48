import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { DownloadError } from '../../errors.ts'
import { TransientError, failure, hubFetch, withRetries, type HubAccess } from './request.ts'

export interface DownloadOptions extends HubAccess {
  readonly onProgress: (done: number, total: number | undefined) => void
}

/** Downloads that are under way in this process, so that two encoders of one model fetch it once. */
const running = new Map<string, Promise<void>>()

/**
 * Fetches a file of a fixed commit. It appears under its name only when it is whole and its size and hash are what the
 * hub says; what an interrupted download left is gone on with.
 * @throws DownloadError
 */
export async function downloadFile(url: string, path: string, options: DownloadOptions): Promise<void> {
  const other = running.get(path)
  if (other) {
    // Its caller may abort it; then it is our turn.
    await other.catch(() => {})
    if ((await sizeOf(path)) !== undefined) return
  }
  const mine = fetchWhole(url, path, options).finally(() => running.delete(path))
  running.set(path, mine)
  return mine
}

async function fetchWhole(url: string, path: string, options: DownloadOptions): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true })
    const expected = await withRetries(options.signal, () => describe(url, options))
    const part = await claimPart(path)
    await withRetries(options.signal, async () => {
      await fetchRest(url, part, expected, options)
      await verify(url, part, expected)
    })
    await rename(part, path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (!(error instanceof Error) || error instanceof DownloadError || !(error as NodeJS.ErrnoException).syscall) throw error
    throw new DownloadError(
      url,
      `${path} cannot be written (${code}); free some space or give another \`cacheDirectory\``,
      undefined,
      error,
    )
  }
}

/** What the hub says about a file before any of it is sent. */
interface Description {
  readonly size: number | undefined
  /** SHA-256 of large files, git's blob hash of small ones. */
  readonly etag: string
}

async function describe(url: string, access: HubAccess): Promise<Description> {
  let at = url
  let size: number | undefined
  let etag = ''
  // The hub answers for itself; a redirect elsewhere, to the storage of large files, is not followed.
  for (let hops = 0; hops < 5; hops++) {
    const { response, stalled } = await hubFetch(at, access, { method: 'HEAD', redirect: 'manual' })
    stalled.stop()
    const { headers } = response
    etag ||= (headers.get('x-linked-etag') ?? '').replace(/^W\/|"/g, '')
    size ??= wholeNumber(headers.get('x-linked-size'))
    if (response.ok) {
      etag ||= (headers.get('etag') ?? '').replace(/^W\/|"/g, '')
      size ??= wholeNumber(headers.get('content-length'))
      break
    }
    const next = new URL(headers.get('location') ?? '', at)
    if (next.origin !== new URL(url).origin) break
    at = next.href
  }
  return { size, etag }
}

async function fetchRest(url: string, part: string, { size }: Description, options: DownloadOptions): Promise<void> {
  let done = (await sizeOf(part)) ?? 0
  if (size !== undefined && done > size) {
    await rm(part)
    done = 0
  }
  if (size !== undefined && done === size && done > 0) return
  const { response, stalled } = await hubFetch(url, options, { headers: done > 0 ? { range: `bytes=${done}-` } : {} })
  // A server that cannot resume sends everything again.
  if (done > 0 && !(response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${done}-`))) done = 0
  const file = await open(part, done > 0 ? 'a' : 'w')
  try {
    options.onProgress(done, size)
    const reader = response.body?.getReader()
    for (;;) {
      let chunk
      try {
        chunk = await reader?.read()
      } catch (error) {
        throw failure(url, error, options, stalled)
      }
      if (!chunk || chunk.done) break
      stalled.touch()
      await file.writeFile(chunk.value)
      done += chunk.value.length
      options.onProgress(done, size)
    }
    await file.sync()
  } finally {
    stalled.stop()
    await file.close()
  }
  if (size !== undefined && done < size) throw new TransientError(url, `the connection ended after ${done} of ${size} bytes`)
}

/** A wrong file is thrown away, so that the next attempt begins anew. */
async function verify(url: string, part: string, { size, etag }: Description): Promise<void> {
  const actual = await sizeOf(part)
  let problem = size !== undefined && actual !== size ? `it has ${actual} bytes instead of ${size}` : undefined
  const algorithm = /^[0-9a-f]{64}$/.test(etag) ? 'sha256' : /^[0-9a-f]{40}$/.test(etag) ? 'sha1' : undefined
  if (!problem && algorithm) {
    const hash = createHash(algorithm)
    if (algorithm === 'sha1') hash.update(`blob ${actual}\0`)
    for await (const chunk of createReadStream(part)) hash.update(chunk as Uint8Array)
    if (hash.digest('hex') !== etag) problem = 'its content is not what the hub announces (wrong hash)'
  }
  if (problem === undefined) return
  await rm(part, { force: true })
  throw new TransientError(url, problem)
}

/** A place for the unfinished file that is ours alone; what a process that is gone left is taken over. */
async function claimPart(path: string): Promise<string> {
  const prefix = `${basename(path)}.part-${hostname()}-`
  const mine = join(dirname(path), `${prefix}${process.pid}`)
  if ((await sizeOf(mine)) !== undefined) return mine
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(prefix) || isAlive(Number(name.slice(prefix.length)))) continue
    // Renaming is atomic: of two processes one gets it.
    const taken = await rename(join(dirname(path), name), mine).then(
      () => true,
      () => false,
    )
    if (taken) break
  }
  return mine
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  )
}

function wholeNumber(text: string | null): number | undefined {
  return text !== null && /^\d+$/.test(text) ? Number(text) : undefined
}
