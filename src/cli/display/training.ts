import type { PackTraining, PairFile, RetrievalScores, SetsFromSamples, TrainingSet } from '../../train/index.ts'
import type { Palette } from './colour.ts'
import { count, counted, duration } from './numbers.ts'
import { lossOf, unusedText } from './task-inputs.ts'

/** What was read to train on. */
export interface TrainingInput {
  readonly pairs: PairFile | undefined
  /** Of one task, in place of pairs. */
  readonly samples: (Pick<SetsFromSamples, 'unused'> & { readonly task: string; readonly set: TrainingSet }) | undefined
  readonly madeUp: (TrainingSet & { readonly pairs: number }) | undefined
}

/** What was found in the input, and what to think of it. */
export function inputText({ pairs, samples, madeUp }: TrainingInput): string[] {
  const lines: string[] = []
  if (pairs) {
    const { pairs: number, queries, documents, duplicates } = pairs
    lines.push(
      `${counted(number, 'pair')}: ${counted(queries.length, 'question')} over ${counted(documents.length, 'passage')}${duplicates > 0 ? `, ${counted(duplicates, 'duplicate')} merged` : ''}`,
    )
  }
  if (pairs && !pairs.header) {
    lines.push('The columns have no known names: the first was taken as the question, the second as the passage, the first line as a pair.')
  }
  if (samples) {
    const { queries, documents } = samples.set
    lines.push(
      `${counted(queries.length, 'sample')} of ${samples.task} over ${counted(documents.length, 'passage')}, learned by ${lossOf(samples.set)}`,
    )
    lines.push(...unusedText(samples))
  }
  if (madeUp) {
    lines.push(
      `${counted(madeUp.queries.length, 'question')} made of headings and sentences. They teach the words of the documents, not how people ask;` +
        (pairs || samples
          ? ' the real pairs judge.'
          : ' the figures below are about made-up questions. Even fifty real pairs (--pairs) judge better.'),
    )
  }
  return lines
}

/** What the expert is worth, where it is, and how to use it. */
export function trainingText(
  training: PackTraining,
  { pack, ownDocuments }: { readonly pack: string; readonly ownDocuments: boolean },
  { bold, dim, green, yellow }: Palette,
): string {
  const { name, heldOut, routing, lexicalWeight, trained, seconds } = training
  const width = Math.max(14, name.length + ' + BM25'.length)
  const row = (system: string, scores: RetrievalScores, note = ''): string =>
    `  ${system.padEnd(width)} ${percent(scores['ndcg@10']).padStart(8)} ${percent(scores['recall@10']).padStart(10)}${note && `   ${note}`}`
  const item = (label: string, text: string): string => `  ${dim(label.padEnd(9))} ${text}`
  const { mean, low, high } = heldOut.gain
  const sure = low > 0
  const gain = `${signed(mean)} over general, 95 % interval ${signed(low)} to ${signed(high)}`
  const { others, own } = routing
  const lines = [
    `${bold(name)} learned from ${counted(trained.queries, 'question')} in ${duration(seconds.training)}. ${judgedBy(training)}, over ${counted(heldOut.documents, 'passage')}:`,
    '',
    dim(`  ${''.padEnd(width)} ${'nDCG@10'.padStart(8)} ${'recall@10'.padStart(10)}`),
    row('BM25', heldOut.bm25),
    row('general', heldOut.general),
    row(name, heldOut.expert, (sure ? green : yellow)(gain)),
    row('general + BM25', heldOut.generalWithBm25),
    row(`${name} + BM25`, heldOut.expertWithBm25, dim(`BM25's share: ${lexicalWeight}`)),
    '',
    item(
      'routing',
      `${percent(own.asked, 0)} % of its ${counted(own.queries, 'unseen question')} reach ${name}, ${percent(own.leads, 0)} % in the first place`,
    ),
    ...(others
      ? [
          item(
            '',
            `of ${counted(others.examples, 'stored question')} of the other experts ${percent(others.after)} % go where they belong, ${percent(others.before)} % before`,
          ),
        ]
      : []),
    ...notes(training).map((note, i) => item(i === 0 ? 'note' : '', yellow(note))),
    item('written', `${pack} in ${duration(seconds.total)} altogether; ${documentsOf(ownDocuments)}`),
    '',
    `  $ pilotfish search 'a question' --index ./knowledge --pack ${pack}`,
    dim(`  await openPilotfish({ directory: './knowledge', pack: '${pack}' })`),
  ]
  return `${lines.join('\n')}\n`
}

/** What the new pack asks of documents that are embedded already. */
export function documentsOf(own: boolean): string {
  return own
    ? 'documents need further vectors: make the index with this pack, or add to one with --reembed'
    : 'no document needs to be embedded again'
}

function judgedBy({ heldOut, trained }: PackTraining): string {
  const questions = counted(heldOut.queries, heldOut.madeUp ? 'made-up question' : 'question')
  if (heldOut.judges === 'held-out') return `Judged by ${questions} it has not seen`
  const whom = heldOut.queries === trained.queries && !heldOut.madeUp ? 'all of them' : questions
  return `Judged by ${whom}, each put to an expert that had not seen it`
}

function notes({ heldOut, trained, routing, name }: PackTraining): string[] {
  return [
    ...(heldOut.gain.low <= 0 ? ['the interval holds 0, so the gain may be chance: more pairs would tell'] : []),
    ...(heldOut.gain.low > 0 && heldOut.queries < 30
      ? [`${count(heldOut.queries)} questions are few to judge by: more pairs would tell better`]
      : []),
    ...(trained.queries - trained.madeUp < 50 && !heldOut.madeUp
      ? ['fewer than 50 questions make a weak expert; a few hundred are good']
      : []),
    ...(heldOut.gain.low > 0 && heldOut.expertWithBm25['ndcg@10'] - heldOut.generalWithBm25['ndcg@10'] < 0.01
      ? ['with BM25 beside it, the expert gains next to nothing on these questions']
      : []),
    ...(routing.own.asked < 0.6 ? [`the router knows ${name} too little: more questions in the words of its users help`] : []),
  ]
}

/** 0.4716 as 47.2 */
export function percent(share: number, digits = 1): string {
  return (100 * share).toFixed(digits)
}

/** 0.012 as +1.2 */
export function signed(difference: number): string {
  return `${difference < 0 ? '−' : '+'}${percent(Math.abs(difference))}`
}
