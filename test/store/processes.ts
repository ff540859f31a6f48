import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export interface Child {
  /** Resolves with the first line that starts so. */
  says(start: string): Promise<string>
  /** Ends it as a power cut would. */
  kill(): Promise<void>
  /** Exit code and everything it said. */
  readonly ended: Promise<{ code: number | null; lines: string[] }>
}

/** Runs child.ts beside the test. */
export function childProcess(what: string, directory: string, options: { uid?: number } = {}): Child {
  const script = fileURLToPath(new URL('child.ts', import.meta.url))
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', script, what, directory], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  })
  const lines: string[] = []
  const waiting: { start: string; resolve: (line: string) => void }[] = []
  let rest = ''
  const heard = (line: string): void => {
    lines.push(line)
    for (const { start, resolve } of waiting) if (line.startsWith(start)) resolve(line)
  }
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop()!
    parts.forEach(heard)
  })
  let problems = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (problems += text))
  const ended = new Promise<{ code: number | null; lines: string[] }>((resolve) => child.on('close', (code) => resolve({ code, lines })))
  onTestFinished(() => void child.kill('SIGKILL'))

  return {
    ended,
    says: (start) =>
      new Promise((resolve, reject) => {
        const said = lines.find((line) => line.startsWith(start))
        if (said !== undefined) return resolve(said)
        waiting.push({ start, resolve })
        void ended.then(() => reject(new Error(`The child ended without saying "${start}": ${lines.join(' | ')} ${problems}`)))
      }),
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
