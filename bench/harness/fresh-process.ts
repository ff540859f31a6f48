import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Runs a file of this folder in a process of its own, with the loader this one has, and reads its last line as JSON. */
export async function inFreshProcess<T>(file: URL, ...args: readonly string[]): Promise<T> {
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, fileURLToPath(file), ...args])
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as T
}
