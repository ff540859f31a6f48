import type { TaskComparison, TrainedExperts } from '../../train/index.ts'
import type { Palette } from './colour.ts'
import { count, duration } from './numbers.ts'
import { alignedTable } from './table.ts'
import { documentsOf, percent, signed } from './training.ts'

export interface TaskPackUse {
  readonly pack: string
  readonly tasks: readonly string[]
  /** Its experts embed documents themselves. */
  readonly ownDocuments: boolean
  /** Columns of the terminal. */
  readonly width: number
}

/** Both ways side by side, which one won, and how to use it. */
export function taskTrainingText(trained: TrainedExperts, { pack, tasks, ownDocuments, width }: TaskPackUse, colours: Palette): string {
  const { bold, dim, green, yellow } = colours
  const { winner, comparison, test, method, steps, seconds } = trained
  const { 'multi-task': together = 0, ...own } = steps
  const { mean, p } = comparison.difference
  const gain = `${signed(Math.abs(mean))} points of nDCG@10`
  const other = winner === 'routed' ? 'one expert for all tasks' : 'one expert a task'
  const worse = comparison.overall[winner === 'routed' ? 'experts, task known' : 'multi-task, task known'] < comparison.overall.general
  const lines = [
    `Trained both ways (${method}) in ${duration(seconds)}. Steps kept: ${count(together)} of the expert for all tasks; ${Object.entries(
      own,
    )
      .map(([task, kept]) => `${task} ${count(kept)}`)
      .join(', ')}.`,
    '',
    'nDCG@10 on questions that neither way has learned from:',
    '',
    ...comparisonLines(comparison, width, colours),
    ...(test ? ['On test questions, which decided nothing:', '', ...comparisonLines(test, width, colours)] : []),
    `${bold(winner === 'routed' ? 'One expert a task' : 'One expert for all tasks')} did better: ${(p < 0.05 ? green : yellow)(gain)} over ${other} (p ${p.toFixed(4)})${p < 0.05 ? '' : ', which may be chance'}.`,
    ...(worse
      ? [
          yellow(
            `It finds less than the general expert does (${percent(comparison.overall.general)}): give more questions, or try --instructions none.`,
          ),
        ]
      : []),
    `  ${dim('written')}  ${pack}, with experts for ${tasks.join(', ')}; its router picks them by the question`,
    `           ${documentsOf(ownDocuments)}`,
    '',
    `  $ pilotfish search 'a question' --index ./knowledge --pack ${pack} --task ${tasks[0]!}`,
    dim(`  await openPilotfish({ directory: './knowledge', pack: '${pack}' })`),
  ]
  return `${lines.join('\n')}\n`
}

/** A row for each system, a column for each set; what does not fit the width goes into a table below. */
function comparisonLines({ sets, overall, difference }: TaskComparison, width: number, colours: Palette): string[] {
  const systems = Object.keys(overall) as (keyof typeof overall)[]
  const labels = [...systems, 'experts over multi-task', 'p', 'routed to its task', 'questions', 'passages']
  const columns = [
    {
      title: 'mean',
      cells: [...systems.map((system) => percent(overall[system])), signed(difference.mean), difference.p.toFixed(4), '', '', ''],
    },
    ...sets.map((set) => ({
      title: set.set,
      cells: [
        ...systems.map((system) => percent(set.scores[system])),
        signed(set.difference.mean),
        set.difference.p.toFixed(4),
        `${percent(set.routedRight, 0)} %`,
        count(set.questions),
        count(set.documents),
      ],
    })),
  ]
  const pages: (typeof columns)[] = [[]]
  const first = 2 + Math.max(...labels.map((label) => label.length))
  let used = first
  for (const column of columns) {
    const own = 2 + Math.max(column.title.length, ...column.cells.map((cell) => cell.length))
    if (used + own > width && pages.at(-1)!.length > 0) {
      pages.push([])
      used = first
    }
    used += own
    pages.at(-1)!.push(column)
  }
  return pages.flatMap((page) => {
    const rows = labels.map((label, i) => [label, ...page.map(({ cells }) => cells[i]!)])
    const [header, ...body] = alignedTable(['', ...page.map(({ title }) => title)], rows, { left: [0] })
    return [colours.dim(header!), ...body.map((line, i) => (i < systems.length ? line : colours.dim(line))), '']
  })
}
