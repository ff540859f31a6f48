import { InvalidDataError } from '../../errors.ts'
import type { Problem, Report } from '../sources/source.ts'
import { count } from './numbers.ts'

export interface ProblemLog {
  readonly report: Report
  /** How many did not become documents although they should have. */
  failures(): number
  /** How many were left out as nobody would miss them. */
  harmless(): number
  /** The first thousand of both kinds. */
  list(): readonly Problem[]
  /** How often each reason occurred, most frequent first. */
  reasons(): readonly (readonly [reason: string, times: number])[]
}

/** Says what is wrong with the input as it is found, the first few times, and counts all of it. */
export function problemLog(print: (line: string) => void, { strict = false, shown = 20 } = {}): ProblemLog {
  const problems: Problem[] = []
  const reasons = new Map<string, number>()
  let failures = 0
  let harmless = 0
  return {
    report(problem) {
      const { file, line, reason } = problem
      if (problems.length < 1000) problems.push(problem)
      if (problem.harmless) {
        harmless++
        return
      }
      if (strict) throw new InvalidDataError(file, line, reason)
      failures++
      const kind = reason.replace(/"(?:[^"\\]|\\.)*"/, '…')
      reasons.set(kind, (reasons.get(kind) ?? 0) + 1)
      if (failures <= shown) print(`pilotfish: ${line === undefined ? file : `${file}:${line}`} ${reason}; skipped`)
      if (failures === shown + 1) print(`pilotfish: more was skipped; the summary counts it`)
    },
    failures: () => failures,
    harmless: () => harmless,
    list: () => problems,
    reasons: () => [...reasons].sort((a, b) => b[1] - a[1]),
  }
}

/** "3 × is not JSON, 1 × is binary" */
export function reasonSummary(log: ProblemLog): string {
  return log
    .reasons()
    .map(([reason, times]) => `${count(times)} × ${reason}`)
    .join(', ')
}

/** What is wrong with a line, less its place. */
export function problemOf({ path, line, message }: InvalidDataError): Problem {
  const place = `${path}${line === undefined ? '' : `, line ${line},`} `
  const reason = (message.startsWith(place) ? message.slice(place.length) : message).replace(/\.$/, '')
  return { file: path, ...(line !== undefined && { line }), reason }
}
