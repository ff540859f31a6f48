import type { Engine, OpenOptions } from '../index.ts'

/** What a command sees of the world: given by `main.ts`, replaced by tests. */
export interface Environment {
  readonly stdout: Output
  readonly stderr: Output
  /** Environment variables. */
  readonly variables: Readonly<Record<string, string | undefined>>
  open(options: OpenOptions): Promise<Engine>
  /** Calls back for every request to stop, Ctrl-C or a termination signal. Returns what ends the listening. */
  onInterrupt(callback: (signal: Interrupt) => void): () => void
}

/** A stream that may be a terminal. */
export type Output = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number }

export type Interrupt = 'SIGINT' | 'SIGTERM'

/** A command line that cannot mean anything. Ends with exit code 2. */
export class UsageError extends Error {}

/** What a command ends with: 0 is success, 1 a failure, 2 wrong usage, 130 and 143 an interruption. */
export type ExitCode = 0 | 1 | 2 | 130 | 143
