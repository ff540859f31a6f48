import { execSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { dirname } from 'node:path'

/** What a benchmark found. Ratios carry over to other machines, figures do not. */
export interface Findings {
  readonly ratios: Readonly<Record<string, number>>
  readonly figures: Readonly<Record<string, unknown>>
}

let running: { readonly bench: string; readonly file: string | undefined } | undefined
let reported = false

/** For the runner: which benchmark is about to run, and where its findings go. */
export function begin(bench: string, file: string | undefined): void {
  running = { bench, file }
}

/** For the runner: complains when findings were wanted and none came. */
export function finish(): void {
  if (running?.file !== undefined && !reported) throw new Error(`The benchmark "${running.bench}" reported nothing to write.`)
}

/** Writes `{ bench, machine, commit, ratios, figures }` where `--json FILE` asks for it. */
export function report({ ratios, figures }: Findings): void {
  reported = true
  if (running?.file === undefined) return
  mkdirSync(dirname(running.file), { recursive: true })
  const content = { bench: running.bench, machine: machine(), commit: commit(), ratios, figures }
  writeFileSync(running.file, `${JSON.stringify(content, null, 2)}\n`)
}

/** `2 × Some processor, 24 GB, Node v20.20.2`. */
export function machine(): string {
  const cores = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cores.length} × ${cores[0]?.model.trim() ?? 'unknown processor'}, ${memory} GB, Node ${process.version}`
}

/** Short hash of the commit at hand, with `+` when files differ from it. */
export function commit(): string {
  const git = (command: string): string =>
    execSync(`git ${command}`, { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim()
  try {
    return `${git('rev-parse --short HEAD')}${git('status --porcelain --untracked-files=no') === '' ? '' : '+'}`
  } catch {
    return 'unknown'
  }
}
