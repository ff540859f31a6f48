import type { AddedExpert, ExpertDetails, RetrievalScores } from '../../train/index.ts'
import type { Palette } from './colour.ts'
import { count, counted } from './numbers.ts'
import { oneLine } from './text.ts'
import { percent } from './training.ts'

/** What an expert was worth when it was made, and whether the base knew its questions. */
export function figuresLine({ heldOut, late }: Pick<ExpertDetails, 'heldOut' | 'late'>): string {
  const parts = [heldOut && `nDCG@10, held out: general ${percent(heldOut.general)} → ${percent(heldOut.expert)}`, late && 'arrived later']
  return parts.filter(Boolean).join(' · ')
}

/** Everything about an expert, a line each. */
export function expertText(expert: ExpertDetails, { bold, dim }: Palette): string {
  const { name, kind, description, task, instructions, bytes, rank, targets, rows, hub, endpoint, sets, space, sharesSpace } = expert
  const item = (label: string, text: string | undefined): string[] => (text ? [`  ${dim(label.padEnd(9))} ${text}`] : [])
  const layers = Object.entries(targets ?? {}).map(([target, number]) => `${target} × ${number}`)
  return `${[
    `${bold(name)} ${dim(kind)}${description ? `  ${oneLine(description)}` : ''}`,
    ...item('task', task),
    ...item('before', instructions && instructionText(instructions)),
    ...item('size', bytes > 0 ? `${size(bytes)} in the pack` : undefined),
    ...item('rank', rank === undefined ? undefined : `${rank}${layers.length > 0 ? `, of ${layers.join(', ')}` : ''}`),
    ...item('rows', rows === undefined ? undefined : `${count(rows)} of the token table changed`),
    ...item('hub', hub && `${hub.repository} at ${hub.revision}`),
    ...item('endpoint', endpoint && `${endpoint.model} at ${endpoint.url}, ${count(endpoint.dimensions)} dimensions: texts are sent there`),
    ...item('key', endpoint?.apiKeyVariable && `in the environment variable ${endpoint.apiKeyVariable}`),
    ...item('sets', sets?.join(', ')),
    ...item('figures', figuresLine(expert)),
    ...item(
      'space',
      space === undefined ? 'none: BM25 over the texts' : `${space}${sharesSpace ? ', as the base embeds documents' : ', its own'}`,
    ),
    ...item('asked', askedText(expert)),
    ...item('a query', costText(expert)),
  ].join('\n')}\n`
}

function instructionText({ query, document }: NonNullable<ExpertDetails['instructions']>): string {
  return [query && `questions "${oneLine(query)}"`, document && `documents "${oneLine(document)}"`].filter(Boolean).join(', ')
}

function askedText({ routed, task }: ExpertDetails): string {
  if (task === undefined) return routed ? 'when the router chooses it, or when named' : 'when named, or when no expert fits'
  return `${routed ? 'when the router chooses it, ' : ''}when named, or for its task`
}

function costText({ kind, cost: { passes, of, requests }, name }: ExpertDetails): string {
  const common = 'the pass of the base that every query takes'
  if (name === 'general') return common
  if (requests > 0) return `${common}, and a request`
  if (passes === 0) return kind === 'lexical' ? `${common}, and no vector search` : `${common}, and microseconds`
  if (of === 'base' && kind !== 'lora') return `${common}, and another behind its instruction`
  return of === 'base' ? `${common}, and another of its session with changed layers` : `${common}, and one of its own model`
}

/** What was added, what it is worth, and how to use it. */
export function addedText(added: AddedExpert, pack: string, { bold, dim, green, yellow }: Palette): string {
  const { name, kind, task, routed, sharesSpace, heldOut, routing, lexicalWeight } = added
  const item = (label: string, text: string): string => `  ${dim(label.padEnd(9))} ${text}`
  const row = (system: string, scores: RetrievalScores, note = ''): string =>
    `  ${system.padEnd(Math.max(14, name.length + 7))} ${percent(scores['ndcg@10']).padStart(8)} ${percent(scores['recall@10']).padStart(10)}${note && `   ${note}`}`
  const article = kind === 'instruction' ? 'an' : 'a'
  const lines = [
    `${bold(name)}, ${article} ${kind === 'lora' ? 'LoRA' : kind} expert${task === undefined ? '' : ` for the task ${task}`}, is in ${pack}.`,
  ]
  if (heldOut) {
    const { mean, low, high } = heldOut.gain
    const signed = (value: number): string => `${value < 0 ? '−' : '+'}${percent(Math.abs(value))}`
    const gain = `${signed(mean)} over general, 95 % interval ${signed(low)} to ${signed(high)}`
    lines.push(
      `Judged by ${counted(heldOut.queries, 'question')} over ${counted(heldOut.documents, 'passage')}:`,
      '',
      dim(`  ${''.padEnd(Math.max(14, name.length + 7))} ${'nDCG@10'.padStart(8)} ${'recall@10'.padStart(10)}`),
      row('BM25', heldOut.bm25),
      row('general', heldOut.general),
      row(name, heldOut.expert, (low > 0 ? green : yellow)(gain)),
      row('general + BM25', heldOut.generalWithBm25),
      row(`${name} + BM25`, heldOut.expertWithBm25, dim(`BM25's share: ${lexicalWeight}`)),
      '',
    )
  }
  if (routing)
    lines.push(
      item('routing', `${percent(routing.own.asked, 0)} % of its ${counted(routing.own.queries, 'unseen question')} reach ${name}`),
    )
  if (!routed) {
    const when = task === undefined ? 'only when named' : 'when named or for its task'
    lines.push(item('asked', yellow(`${when}: the router knows no questions of it. Give some with --pairs FILE`)))
  }
  lines.push(
    item(
      'documents',
      sharesSpace
        ? 'stay as the base embedded them: indexes made with the pack open as before'
        : 'are embedded by it too: open an index made before with --reembed once',
    ),
    '',
    `  $ pilotfish search 'a question' --index ./knowledge --pack ${pack}${task !== undefined ? ` --task ${task}` : routed ? '' : ` --expert ${name}`}`,
  )
  return `${lines.join('\n')}\n`
}

function size(bytes: number): string {
  if (bytes < 1e6) return `${count(Math.max(1, bytes / 1e3))} kB`
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`
}
