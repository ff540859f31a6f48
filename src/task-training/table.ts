import { taskSystems, type TaskComparison, type TaskSystem } from './comparison.ts'

/** The comparison as a Markdown table: a row for each system, a column for each set, nDCG@10 in percent. */
export function taskComparisonTable({ sets, overall, difference }: TaskComparison): string {
  const percent = (share: number): string => (100 * share).toFixed(1)
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const system = (name: TaskSystem): string => row([name, ...sets.map(({ scores }) => percent(scores[name])), percent(overall[name])])
  const points = (value: number): string => `${value < 0 ? '−' : '+'}${percent(Math.abs(value))}`
  const chance = ({ mean, p }: { readonly mean: number; readonly p: number }): string => `${points(mean)} (p ${p.toFixed(4)})`
  return [
    row(['', ...sets.map(({ set }) => set), 'mean']),
    row(['---', ...sets.map(() => '---:'), '---:']),
    ...taskSystems.map(system),
    row(['experts over multi-task, routed', ...sets.map((set) => chance(set.difference)), chance(difference)]),
    row(['routed to the right task', ...sets.map(({ routedRight }) => `${percent(routedRight)} %`), '']),
    row(['questions', ...sets.map(({ questions }) => String(questions)), String(sets.reduce((sum, { questions }) => sum + questions, 0))]),
    row(['documents', ...sets.map(({ documents }) => String(documents)), '']),
  ].join('\n')
}
