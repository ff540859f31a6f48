import { InvalidArgumentError } from '../errors.ts'
import { exampleKey, exampleQuery } from '../tasks/example.ts'
import type { TaskSample } from '../tasks/sample.ts'
import { answersOf } from '../rewards/templates.ts'
import type { Exemplar, ExemplarQuestion } from './exemplars.ts'

/**
 * Labelled texts as samples of the task `icl`: each question looks for exemplars in the whole pool, which is embedded once. A question
 * that is in the pool itself would find its own label: give a pool without it.
 * @throws InvalidArgumentError for an empty pool, and for labels and texts that are empty or labels of several lines
 */
export function exemplarSamples(pool: readonly Exemplar[], questions: readonly Exemplar[]): TaskSample[] {
  if (pool.length === 0) throw new InvalidArgumentError('pool', 'is empty')
  for (const [name, list] of Object.entries({ pool, questions })) {
    const wrong = list.findIndex(({ text, label }) => text.trim() === '' || label.trim() === '' || /[\r\n]/.test(label.trim()))
    if (wrong >= 0) throw new InvalidArgumentError(`${name}[${wrong}]`, 'has an empty text, or a label that is empty or of several lines')
  }
  const candidates = pool.map(({ text, label }) => exampleKey({ input: text, answer: label }))
  return questions.map(({ text, label }, i) => ({
    task: 'icl',
    id: String(i + 1),
    query: exampleQuery(text),
    candidates,
    positives: 0,
    answers: [label.trim()],
    line: i + 1,
  }))
}

/** A worked example with its answer on the last line; `undefined` for a text of one line. */
export function exemplarOf(candidate: string): Exemplar | undefined {
  const at = candidate.trimEnd().lastIndexOf('\n')
  return at <= 0 ? undefined : { text: candidate.slice(0, at), label: candidate.slice(at + 1).trim() }
}

/** Why samples of other tasks say nothing about labels. */
export const noExample = 'is no worked example'

/** Reads samples as questions with exemplars: their candidates are worked examples, and the answer is a label that some of them have. */
export function labelledSamples() {
  const known = new WeakMap<
    readonly string[],
    { readonly exemplars: readonly (Exemplar | undefined)[]; readonly options: readonly string[] }
  >()
  const read = (candidates: readonly string[]) => {
    const before = known.get(candidates)
    if (before) return before
    const exemplars = candidates.map(exemplarOf)
    const found = { exemplars, options: [...new Set(exemplars.flatMap((exemplar) => exemplar?.label ?? []))].sort() }
    known.set(candidates, found)
    return found
  }
  return {
    /** Why a sample says nothing about exemplars. */
    whyNot(sample: TaskSample): string | undefined {
      if (sample.task !== 'icl') return noExample
      const label = answersOf(sample)[0]?.trim()
      if (label === undefined) return 'has no answers'
      const { exemplars, options } = read(sample.candidates)
      if (exemplars.includes(undefined)) return 'has a candidate without an answer on a line of its own'
      if (!options.includes(label)) return 'has an answer that no candidate has'
      return options.length < 2 ? 'has candidates that all have the same answer' : undefined
    },
    /** @param places Of the candidates that are shown, best first. */
    question(sample: TaskSample, places: readonly number[]): ExemplarQuestion {
      const { exemplars, options } = read(sample.candidates)
      return { text: sample.query, label: answersOf(sample)[0]!.trim(), options, exemplars: places.map((place) => exemplars[place]!) }
    },
  }
}
