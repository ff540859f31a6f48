/** How the demo looks: 80 columns, colours on a terminal only, plain text in files and pipes. */
import type { ExpertInfo, Hit, Retrieval, Route } from 'pilotfish'
import { bar, clip, pad, percent, wrap } from './text.ts'

export interface Answer {
  readonly question: string
  readonly domain: readonly string[]
  readonly expected: readonly string[]
  readonly routed: Retrieval
  readonly general: Retrieval
}

type Output = NodeJS.WriteStream
/** Hits shown, and looked at when the answers are counted. */
const shown = 3

/** Draws on a stream; without one, draws nothing. */
export function screen(output: Output | undefined, experts: readonly ExpertInfo[]) {
  const { bold, dim, green, cyan, yellow } = colours(output)
  const print = (...lines: readonly string[]): void => void output?.write(lines.map((line) => `${line}\n`).join(''))
  /** Where a pack does not say who arrived later, nobody did. */
  const arrivedLater = experts.filter(({ late }) => late)
  const cameWithBase = experts.filter(({ kind, late }) => kind !== 'model' && !late)

  return {
    title(documents: number, questions: number): void {
      print(
        '',
        `${bold('Pilotfish')}  ${documents} documents of six domains and some of none${questions > 0 ? `, ${questions} questions` : ''}`,
        '',
      )
      if (arrivedLater.length === 0) return
      print(...labelled('came with the base', names(cameWithBase)))
      const terms = 'the base never saw their questions, and no document is embedded again for them'
      print(...labelled('arrived later     ', `${names(arrivedLater)}: ${terms}`), '')
    },

    indexing(done: number, total: number): void {
      if (output?.isTTY) output.write(`\r  indexing  ${cyan(bar(done / total))}  ${done} of ${total}`)
    },

    indexed(documents: number, vectors: number, seconds: number): void {
      if (output?.isTTY) output.write('\r\x1b[K')
      print(`  ${documents} documents indexed once, in ${seconds.toFixed(2)} s: ${vectors} vectors serve all ${experts.length} experts`)
    },

    answer(number: number, { question, expected, routed, general }: Answer): void {
      const { embed, route, search } = routed.timings
      const facts = [
        decision(routed.route, bold),
        `confidence ${routed.route.confidence.toFixed(2)}, BM25 ${percent(routed.route.lexicalWeight)}`,
        `${(embed + route).toFixed(1)} ms to route, ${search.toFixed(1)} ms to search`,
      ]
      const chosen = new Set(routed.route.experts.map(({ name }) => name))
      const rows = routed.route.scores.slice(0, 3).map(({ expert, score }) => {
        const paint = chosen.has(expert) ? cyan : dim
        return `${paint(pad(expert, 11))} ${paint(bar(score))} ${score.toFixed(2)}`
      })
      print('', dim('─'.repeat(80)), ...questionLines(number, question), '')
      for (let i = 0; i < Math.max(facts.length, rows.length); i++) {
        const row = rows[i] ?? ' '.repeat(11 + 1 + bar(0).length + 5)
        print(`    ${row}  ${i === 0 ? (facts[0] ?? '') : dim(facts[i] ?? '')}`.trimEnd())
      }
      const hitRows = ({ hits }: Retrieval, label: string): string[] =>
        hits.length === 0
          ? [`    ${dim(pad(label, 8))} ${dim('nothing found')}`]
          : hits.slice(0, shown).map((hit, i) => hitRow(hit, i === 0 ? label : '', expected.includes(hit.document.id)))
      print('', ...hitRows(routed, 'routed'), '', ...hitRows(general, 'general'))
      const verdict = compare(expected, routed, general)
      if (verdict > 0) print('', `    ${green('▲ routing ranks the answer higher than the general expert does')}`)
      if (verdict < 0) print('', `    ${yellow('▼ the general expert alone ranks the answer higher')}`)
    },

    summary(answers: readonly Answer[]): void {
      const isLate = ({ domain }: Answer): boolean => arrivedLater.some(({ name }) => domain.includes(name))
      const late = answers.filter(isLate)
      const others = answers.filter((answer) => !isLate(answer))
      const numbers = (sign: number) =>
        answers
          .flatMap(({ expected, routed, general }, i) => (Math.sign(compare(expected, routed, general)) === sign ? [i + 1] : []))
          .join(', ') || 'none'
      print('', dim('─'.repeat(80)), `${bold('Answers found')}, of ${answers.length} questions`, '', ...counts(answers), '')
      if (late.length > 0) {
        print(`  the ${late.length} for experts that arrived later`, ...counts(late), '')
        print(`  the other ${others.length}`, ...counts(others), '')
      }
      print(`  ${green('▲')} routing better on    ${numbers(1)}`, `  ${yellow('▼')} general better on    ${numbers(-1)}`, '')
      if (arrivedLater.some(({ heldOut }) => heldOut)) {
        print('  A few questions show little. On those held out when each expert was made', '  (nDCG@10, general → expert):', '')
        print(...labelled('arrived later', worth(arrivedLater)), ...labelled('with the base', worth(cameWithBase)), '')
      }
      print(dim('  Now ask something yourself:  npm run demo -- "your question"'), '')
    },
  }

  /** How often an answer came first, and how often among the first few, with routing and without. */
  function counts(answers: readonly Answer[]): string[] {
    const row = (name: string, key: 'routed' | 'general'): string => {
      const within = (k: number): number => answers.filter((answer) => rank(answer.expected, answer[key]) <= k).length
      return `  ${pad(name, 22)} ${cyan(bar(within(1) / Math.max(1, answers.length)))} ${String(within(1)).padStart(2)} first   ${String(within(shown)).padStart(2)} in the first ${shown}`
    }
    return [row('routed', 'routed'), row('general expert alone', 'general')]
  }

  /** A dim label, and a text in a column of its own beside it; nothing when there is nothing to say. */
  function labelled(label: string, text: string): string[] {
    if (text === '') return []
    return wrap(text, 80 - 4 - label.length).map((line, i) => `  ${dim(i === 0 ? label : ' '.repeat(label.length))}  ${line}`)
  }

  function questionLines(number: number, question: string): string[] {
    const [first = '', ...more] = wrap(question.replace(/\s+/g, ' '), 76)
    return [`${dim(String(number).padStart(2))}  ${bold(first)}`, ...more.map((line) => `    ${bold(line)}`)]
  }

  function hitRow({ document, score }: Hit, label: string, right: boolean): string {
    const text = document.text.replace(/\s+/g, ' ')
    const id = pad(document.id, 32)
    return `    ${dim(pad(label, 8))} ${right ? green('✔') : ' '} ${right ? green(id) : id} ${score.toFixed(2)}  ${dim(clip(text, 25))}`
  }
}

function names(experts: readonly ExpertInfo[]): string {
  return experts.map(({ name }) => name).join(', ')
}

/** What experts were worth when they were made, those that know it. */
function worth(experts: readonly ExpertInfo[]): string {
  const points = (share: number): string => (share * 100).toFixed(0)
  return experts
    .flatMap(({ name, heldOut }) => (heldOut ? [`${name}\u00a0${points(heldOut.general)}\u00a0→\u00a0${points(heldOut.expert)}`] : []))
    .join(', ')
}

/** Position of the first answer among the hits, 1 or more; infinite when it is not there. */
function rank(expected: readonly string[], { hits }: Retrieval): number {
  const at = hits.findIndex(({ document }) => expected.includes(document.id))
  return at < 0 ? Number.POSITIVE_INFINITY : at + 1
}

/** Above zero when routing ranks the answer higher, below when the general expert does. */
function compare(expected: readonly string[], routed: Retrieval, general: Retrieval): number {
  const [a, b] = [rank(expected, routed), rank(expected, general)]
  return a === b ? 0 : b - a
}

function decision({ decision: kind, experts }: Route, bold: (text: string) => string): string {
  const names = experts.map(({ name }) => bold(name)).join(' + ')
  return kind === 'fallback' ? `→ ${names} (no expert fits)` : `→ ${names}`
}

function colours(output: Output | undefined) {
  const on = output?.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
  const paint = (open: number, close: number) => (text: string) => (on ? `\x1b[${open}m${text}\x1b[${close}m` : text)
  return { bold: paint(1, 22), dim: paint(2, 22), green: paint(32, 39), cyan: paint(36, 39), yellow: paint(33, 39) }
}
