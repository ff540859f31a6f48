import { access, constants, open, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { lines } from '../eval/lines.ts'
import { InvalidArgumentError, InvalidDataError } from '../errors.ts'
import { withField } from './json-field.ts'
import { lockOutput } from './output-lock.ts'

/** The file that scored lines go to, at the place where the last call left off. */
export interface ScoredOutput {
  /** Lines of the data that an earlier call wrote, and the number of the last of them; 0 where there is none. */
  readonly kept: number
  readonly lastLine: number
  /** Adds a line; it is on the disk when the promise resolves. */
  append(text: string): Promise<void>
  close(): Promise<void>
}

/** Beside the scored lines lies what made them: without it nobody could tell whether a call may go on with them. */
export function provenancePath(out: string): string {
  return `${out}.reward.json`
}

const field = 'teacher_scores'
const advice = 'Give another file to write to, or remove this one'

/** A line of the data with its scores. */
export function scoredLine(text: string, scores: readonly number[]): string {
  return withField(text, field, `[${scores.map((score) => JSON.stringify(score)).join(', ')}]`)
}

/**
 * Opens the output of a scoring call. What is there already must come from the same reward and hold lines of the same data in their order,
 * some left out; a last line that was torn off is dropped.
 * @throws InvalidDataError for a file that is something else, which stays as it is, and for one that another call is writing
 */
export async function openScoredOutput(out: string, data: string, reward: string): Promise<ScoredOutput> {
  if (out.endsWith('.gz')) throw new InvalidArgumentError('out', `ends in .gz, but lines are written unpacked: ${out}`)
  const lock = await writing(out, async () => {
    await access(dirname(out), constants.W_OK)
    return lockOutput(out)
  })
  try {
    return await openLocked(out, data, reward, () => lock.release())
  } catch (error) {
    lock.release()
    throw error
  }
}

async function openLocked(out: string, data: string, reward: string, release: () => void): Promise<ScoredOutput> {
  const found = await sizeOfWhole(out)
  if (found && found.size > 0) {
    await checkProvenance(out, reward)
    if (found.whole < found.size) await truncate(out, found.whole)
  } else await writeProvenance(out, reward)
  const { kept, lastLine } = found && found.whole > 0 ? await matchLines(out, data) : { kept: 0, lastLine: 0 }
  const file = await writing(out, () => open(out, 'a'))
  return {
    kept,
    lastLine,
    append: (text) =>
      writing(out, async () => {
        await file.writeFile(`${text}\n`)
        await file.datasync()
      }),
    close: () => file.close().finally(release),
  }
}

/** Bytes of a file, and how many of them are whole lines; `undefined` when there is no file. */
async function sizeOfWhole(path: string): Promise<{ readonly size: number; readonly whole: number } | undefined> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new InvalidDataError(path, undefined, `cannot be read (${(error as NodeJS.ErrnoException).code})`, error)
  }
  try {
    const { size } = await file.stat()
    const buffer = Buffer.alloc(1 << 16)
    for (let end = size; end > 0;) {
      const start = Math.max(0, end - buffer.length)
      const { bytesRead } = await file.read(buffer, 0, end - start, start)
      const at = buffer.subarray(0, bytesRead).lastIndexOf(0x0a)
      if (at >= 0) return { size, whole: start + at + 1 }
      end = start
    }
    return { size, whole: 0 }
  } catch (error) {
    throw new InvalidDataError(path, undefined, `cannot be read (${(error as NodeJS.ErrnoException).code})`, error)
  } finally {
    await file.close()
  }
}

async function readProvenance(out: string): Promise<string | undefined> {
  try {
    const { reward } = JSON.parse(await readFile(provenancePath(out), 'utf8')) as { reward?: unknown }
    return typeof reward === 'string' ? reward : undefined
  } catch {
    return undefined
  }
}

async function checkProvenance(out: string, reward: string): Promise<void> {
  const made = await readProvenance(out)
  if (made === reward) return
  throw new InvalidDataError(
    out,
    undefined,
    made === undefined
      ? `is there already, and no ${provenancePath(out)} says what scored it. ${advice}`
      : `was scored by another reward (${made}, not ${reward}). ${advice}`,
  )
}

async function writeProvenance(out: string, reward: string): Promise<void> {
  const path = provenancePath(out)
  const temporary = `${path}.${process.pid}`
  await writing(out, async () => {
    await writeFile(temporary, `${JSON.stringify({ format: 1, reward })}\n`)
    await rename(temporary, path)
  }).finally(() => rm(temporary, { force: true }))
}

/** Finds the lines of an output among those of the data. */
async function matchLines(out: string, data: string): Promise<{ kept: number; lastLine: number }> {
  const bare = (text: string): string => withField(text, field, '[]')
  const written = lines(out)
  let next = await written.next()
  let kept = 0
  let lastLine = 0
  for await (const { line, text } of lines(data)) {
    if (next.done) break
    if (!isObject(next.value.text)) throw new InvalidDataError(out, next.value.line, `is not JSON. ${advice}`)
    if (!isObject(text) || bare(text) !== bare(next.value.text)) continue
    kept++
    lastLine = line
    next = await written.next()
  }
  if (!next.done)
    throw new InvalidDataError(
      out,
      next.value.line,
      `is not a line of ${data} that follows the one before it, so it belongs to other data. ${advice}`,
    )
  return { kept, lastLine }
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

const truncate = (path: string, size: number): Promise<void> =>
  writing(path, async () => {
    const file = await open(path, 'r+')
    await file.truncate(size).finally(() => file.close())
  })

async function writing<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (error instanceof InvalidDataError) throw error
    throw new InvalidDataError(path, undefined, `cannot be written (${(error as NodeJS.ErrnoException).code ?? String(error)})`, error)
  }
}
