import { significanceMark, significant } from '../eval/markdown.ts'
import type { RetrievalTask } from '../tasks/task.ts'
import { noExample } from './labelled-samples.ts'
import { withoutCandidates } from './perplexity.ts'
import { taskMeasures, type SystemFigures, type TaskEvaluation, type TaskFigures, type TaskMeasure } from './task-figures.ts'

/**
 * What systems are worth in each task, as Markdown that can be read as it is: a table a task, a row a system; percentages but for the
 * perplexity. Below it what could not be measured, and why. † marks what differs from the system that all are tested against with p < 0.05.
 */
export function taskTable(evaluation: TaskEvaluation): string {
  return Object.entries(evaluation.tasks)
    .map(([task, figures]) => oneTask(task as RetrievalTask, figures, evaluation.k))
    .join('\n')
}

function oneTask(task: RetrievalTask, figures: TaskFigures, k: number): string {
  const { systems, measures, cutoff, samples, against } = figures
  const titled = titles(cutoff, k)
  const measured = taskMeasures.filter((measure) => Object.values(systems).some(({ scores }) => scores[measure] !== undefined))
  // Systems that could put nothing in order have nothing to show.
  const able = Object.entries(systems).filter(([, { scores }]) => Object.keys(scores).length > 0)
  const rows = able.map(([name, own]) => [name, ...measured.map((measure) => cell(measure, own))])
  const counts = ['samples', ...measured.map((measure) => String(measures[measure].samples))]
  const notes = [...missing(figures, titled, measured), ...Object.entries(systems).flatMap(([name, own]) => cuts(name, own))]
  const tested = Object.values(systems).some(({ tests }) => Object.values(tests ?? {}).some(({ p }) => p < significant))
  if (tested) notes.push(`${significanceMark} differs from ${against} on the same samples by paired randomisation, p < 0.05.`)
  const title = `**${task}**: ${samples} ${samples === 1 ? 'sample' : 'samples'}`
  const table = measured.length === 0 ? [] : [aligned(['system', ...measured.map((measure) => titled[measure])], [counts, ...rows]), '']
  return [title, '', ...table, ...notes.map((note) => `- ${note}`), ''].join('\n')
}

function titles(cutoff: number, k: number): Record<TaskMeasure, string> {
  return {
    ndcg: `ndcg@${cutoff}`,
    recall: `recall@${cutoff}`,
    rewardNdcg: `reward ndcg@${cutoff}`,
    perplexity: `perplexity, k ${k}`,
    nearestLabel: 'nearest label',
    majorityLabel: `label by vote, k ${k}`,
    likeliestLabel: `likeliest label, k ${k}`,
  }
}

function cell(measure: TaskMeasure, { scores, tests }: SystemFigures): string {
  const score = scores[measure]
  if (score === undefined) return '–'
  const p = tests?.[measure]?.p
  return (
    (measure === 'perplexity' ? shortNumber(score) : (100 * score).toFixed(1)) +
    (p !== undefined && p < significant ? ` ${significanceMark}` : '')
  )
}

/** A perplexity may be of any size. */
function shortNumber(value: number): string {
  return value < 1000 ? value.toFixed(2) : value.toPrecision(4)
}

/** What measures were not taken of, those with the same reasons together. */
function missing({ measures }: TaskFigures, titled: Record<TaskMeasure, string>, measured: readonly TaskMeasure[]): string[] {
  const groups = new Map<string, { readonly titles: string[]; readonly taken: boolean }>()
  for (const measure of taskMeasures) {
    const { left } = measures[measure]
    const reasons = Object.entries(left).sort(([, a], [, b]) => b - a)
    const taken = measured.includes(measure)
    // Nobody expects labels where samples are no worked examples.
    if (reasons.length === 0 || (!taken && reasons.every(([reason]) => reason === noExample))) continue
    const why = reasons.map(([reason, count]) => `${count} × ${reason}`).join(', ')
    const group = groups.get(`${taken} ${why}`) ?? { titles: [], taken }
    group.titles.push(titled[measure])
    groups.set(`${taken} ${why}`, group)
  }
  return [...groups].map(([key, { titles, taken }]) => {
    const why = key.slice(key.indexOf(' ') + 1)
    const many = titles.length > 1
    return taken
      ? `${listed(titles)} ${many ? 'leave' : 'leaves'} out: ${why}.`
      : `${listed(titles)} ${many ? 'were' : 'was'} not measured: ${why}.`
  })
}

function listed(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join('; ')} and ${items.at(-1)}`
}

function cuts(name: string, { truncated, cut, cutExemplars }: SystemFigures): string[] {
  const who = name === withoutCandidates ? 'without candidates' : name
  return [
    ...(truncated ? [`${who}: only the beginning was read of ${truncated.queries} queries and ${truncated.candidates} candidates.`] : []),
    ...(cut ? [`${who}: the model's window cut ${cut.key} tokens of candidates and ${cut.after} of what follows them.`] : []),
    ...(cutExemplars ? [`${who}: the model's window cut ${cutExemplars} tokens of exemplars.`] : []),
  ]
}

/** A Markdown table whose columns stand below each other. */
function aligned(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text, i) => (i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join(' | ')} |`
  const rule = `| ${widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`
  return [line(header), rule, ...rows.map(line)].join('\n')
}
