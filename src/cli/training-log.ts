import { createWriteStream, type WriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { InvalidDataError } from '../errors.ts'

/** A file with a JSON object a line, for every step of a training. */
export interface TrainingLog {
  write(entry: object): void
  /** Waits until all lines are in the file. May be called twice. @throws InvalidDataError for what could not be written */
  close(): Promise<void>
}

/**
 * Opens the file at the first line: a training that never begins leaves none, and an old one as it was.
 * @param path Nothing is written without.
 * @param onError Told once, as soon as a line cannot be written.
 * @throws InvalidDataError for a path that no file can have
 */
export async function trainingLog(path: string | undefined, onError: () => void): Promise<TrainingLog> {
  if (path === undefined) return { write() {}, close: async () => {} }
  const cannot = (error: unknown): InvalidDataError =>
    new InvalidDataError(path, undefined, `cannot be written (${(error as NodeJS.ErrnoException).code ?? String(error)})`, error)
  const there = await stat(path).catch(() => undefined)
  if (there?.isDirectory()) throw new InvalidDataError(path, undefined, 'is a directory, not a file for the log')
  await stat(dirname(path)).catch((error: unknown) => {
    throw cannot(error)
  })

  let stream: WriteStream | undefined
  let failed: InvalidDataError | undefined
  return {
    write(entry) {
      if (!stream) {
        stream = createWriteStream(path)
        stream.on('error', (error) => {
          failed = cannot(error)
          onError()
        })
      }
      if (!failed) stream.write(`${JSON.stringify(entry)}\n`)
    },
    async close() {
      const open = stream
      if (open && !open.closed) await new Promise<void>((resolve) => void open.once('close', resolve).end())
      if (failed) throw failed
    },
  }
}
