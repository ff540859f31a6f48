import { execSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { dirname } from 'node:path'

/** What a benchmark found. Ratios carry over to other machines, figures do not. */
export interface Findings {
  readonly ratios: Readonly<Record<string, number>>
  readonly figures: Readonly<Record<string, unknown>>
  /** What was measured on: data, model, seed. */
  readonly data?: string
  /** Markdown, for people; also printed. */
  readonly tables?: readonly string[]
  /** What could not be measured, and why. */
  readonly missing?: readonly string[]
}

/** What a benchmark writes. */
export interface Report extends Findings {
  readonly bench: string
  readonly machine: string
  readonly commit: string
  readonly command: string
}

let running: { readonly bench: string; readonly file: string | undefined; readonly command: string } | undefined
let reported = false

/** For the runner: which benchmark is about to run, and where its findings go. */
export function begin(bench: string, file: string | undefined, options: readonly string[] = []): void {
  running = { bench, file, command: ['npm run bench --', bench, ...options].join(' ') }
}

/** For the runner: complains when findings were wanted and none came. */
export function finish(): void {
  if (running?.file !== undefined && !reported) throw new Error(`The benchmark "${running.bench}" reported nothing to write.`)
}

/** Prints tables, and writes `{ bench, machine, commit, ratios, figures, … }` where `--json FILE` asks for it. */
export function report({ data, tables = [], missing = [], ...found }: Findings): void {
  reported = true
  if (data !== undefined) console.log(`${machine()}, commit ${commit()}\n${data}\n`)
  for (const each of tables) console.log(`${each}\n`)
  for (const each of missing) console.log(`Left out: ${each}`)
  if (running?.file === undefined) return
  mkdirSync(dirname(running.file), { recursive: true })
  const { bench, command } = running
  const content: Report = {
    bench,
    machine: machine(),
    commit: commit(),
    command,
    ...(data !== undefined && { data }),
    ...found,
    tables,
    missing,
  }
  writeFileSync(running.file, `${JSON.stringify(content, null, 2)}\n`)
}

/** `2 × Some processor, 24 GB, Node v20.20.2`. */
export function machine(): string {
  const cores = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cores.length} × ${cores[0]?.model.trim() ?? 'unknown processor'}, ${memory} GB, Node ${process.version}`
}

/** Short hash of the commit at hand, with `+` when files differ from it, those aside that benchmarks write. */
export function commit(): string {
  const git = (command: string): string =>
    execSync(`git ${command}`, { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim()
  try {
    return `${git('rev-parse --short HEAD')}${git("status --porcelain --untracked-files=no -- . ':!bench/results' ':!docs/performance.md'") === '' ? '' : '+'}`
  } catch {
    return 'unknown'
  }
}
