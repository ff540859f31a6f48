import type { RewardEstimate, ScoredFile } from '../../train/index.ts'
import type { Palette } from './colour.ts'
import { count, counted, duration } from './numbers.ts'
import { reasonSummary, type ProblemLog } from './problems.ts'

/** "To score: 8 samples, 808 prompts, about 240,000 tokens, about 2 min." */
export function estimateText({ samples, prompts, tokens, seconds, price, bad }: RewardEstimate): string {
  const parts = [
    counted(samples, 'sample'),
    counted(prompts, 'prompt'),
    tokens > 0 && `about ${counted(tokens, 'token')}`,
    seconds !== undefined && `about ${duration(seconds)}`,
    price !== undefined && `at a price of about ${price.toFixed(2)}`,
  ].filter((part) => part !== false)
  return `To score: ${parts.join(', ')}.${bad > 0 ? ` ${counted(bad, 'line')} cannot be used.` : ''}\n`
}

/** What became of the lines, task by task. */
export function scoredText(
  { kept, written, skipped, tasks, seconds }: ScoredFile,
  log: ProblemLog,
  out: string,
  { bold, dim }: Palette,
): string {
  const columns = ['task', 'scored', 'candidates', 'tokens', 'cut prompts', 'cut tokens', 'passed through'] as const
  const rows = Object.entries(tasks).map(([task, { scored, candidates, tokens, cuts, unscorable }]) => [
    task,
    ...[scored, candidates, tokens, cuts.prompts, cuts.key + cuts.after, unscorable].map(count),
  ])
  const widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => row[i]!.length)))
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')}`
  const passed = Object.entries(tasks).flatMap(([task, { reasons, withScores }]) =>
    Object.entries(reasons).map(
      ([reason, times]) =>
        `  ${task}: ${counted(times, 'line')} went through as ${times === 1 ? 'it' : 'they'} came (${reason}), ${count(withScores)} with scores`,
    ),
  )
  const before = kept > 0 ? `${counted(kept, 'line')} ${kept === 1 ? 'was' : 'were'} there already. ` : ''
  return [
    `${before}${counted(written, 'line')} written to ${out} in ${duration(seconds)}.`,
    ...(rows.length > 0 ? [bold(line(columns)), ...rows.map(line)] : []),
    ...passed.map(dim),
    ...(skipped > 0 ? [`${counted(skipped, 'line')} skipped: ${reasonSummary(log)}`] : []),
    '',
  ].join('\n')
}
