import type { Metric, TaskEvaluation, TaskSetComparisons } from '../../eval/index.ts'
import type { Environment } from '../environment.ts'
import { palette } from './colour.ts'
import { factsLine, notesOf, scoresTable } from './comparison.ts'

/** What an evaluation by task found, for a terminal and for a document. @param facts What figures are worth nothing without. */
export async function taskEvaluationParts(
  { judged, retrieval = {} }: { readonly judged?: TaskEvaluation; readonly retrieval?: TaskSetComparisons },
  { stdout, variables }: Environment,
  facts: string,
): Promise<{ readonly terminal: string; readonly markdown: string }> {
  const { comparisonTable, taskTable } = await import('../../eval/index.ts')
  const colours = palette(stdout, variables)
  const width = stdout.columns ?? 100
  const table = judged ? [taskTable(judged)] : []
  const terminal = [...table]
  const markdown = [...table]
  for (const [task, comparison] of Object.entries(retrieval)) {
    const metrics = Object.keys(Object.values(comparison.systems)[0]!.mean) as Metric[]
    const title = `**${task}**, retrieval`
    const notes = notesOf(comparison).map((note) => `- ${note}\n`)
    terminal.push(`${title}\n\n${metrics.map((metric) => scoresTable(comparison, metric, width, colours)).join('\n')}`)
    terminal.push(`${colours.dim(factsLine(comparison))}\n${notes.join('')}`)
    markdown.push(`${title}\n\n${metrics.map((metric) => comparisonTable(comparison, metric)).join('\n')}`)
    markdown.push([`${factsLine(comparison)}\n`, ...notes].join('\n'))
  }
  if (judged) {
    terminal.push(`${colours.dim(facts)}\n`)
    markdown.push(`${facts}\n`)
  }
  return { terminal: terminal.join('\n'), markdown: markdown.join('\n') }
}
