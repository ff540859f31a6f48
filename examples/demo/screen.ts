/** How the demo looks: 80 columns, colours on a terminal only, plain text in files and pipes. */
import type { Hit, Retrieval, Route } from 'pilotfish'

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
const barWidth = 20

/** Draws on a stream; without one, draws nothing. */
export function screen(output: Output | undefined) {
  const { bold, dim, green, cyan, yellow } = colours(output)
  const print = (...lines: readonly string[]): void => void output?.write(lines.map((line) => `${line}\n`).join(''))

  return {
    title(documents: number, questions: number): void {
      print(
        '',
        `${bold('Pilotfish')}  ${documents} documents of six domains and some of none${questions > 0 ? `, ${questions} questions` : ''}`,
        '',
      )
    },

    indexing(done: number, total: number): void {
      if (output?.isTTY) output.write(`\r  indexing  ${cyan(bar(done / total))}  ${done} of ${total}`)
    },

    indexed(documents: number, seconds: number): void {
      if (output?.isTTY) output.write('\r\x1b[K')
      print(`  ${documents} documents indexed once, for all experts, in ${seconds.toFixed(2)} s`)
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
        const row = rows[i] ?? ' '.repeat(11 + 1 + barWidth + 5)
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
      const within = (k: number, key: 'routed' | 'general') => answers.filter((answer) => rank(answer.expected, answer[key]) <= k).length
      const row = (name: string, key: 'routed' | 'general') =>
        `  ${pad(name, 22)} ${cyan(bar(within(1, key) / answers.length))} ${String(within(1, key)).padStart(2)} first   ${String(within(shown, key)).padStart(2)} in the first ${shown}`
      const numbers = (sign: number) =>
        answers
          .flatMap(({ expected, routed, general }, i) => (Math.sign(compare(expected, routed, general)) === sign ? [i + 1] : []))
          .join(', ') || 'none'
      print('', dim('─'.repeat(80)), `${bold('Answers found')}, of ${answers.length} questions`, '')
      print(row('routed', 'routed'), row('general expert alone', 'general'), '')
      print(`  ${green('▲')} routing better on    ${numbers(1)}`, `  ${yellow('▼')} general better on    ${numbers(-1)}`, '')
      print(dim('  Now ask something yourself:  npm run demo -- "your question"'), '')
    },
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

function bar(share: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * barWidth * 8)
  return ('█'.repeat(Math.floor(eighths / 8)) + ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8]!).padEnd(barWidth)
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

/** Lines of at most so many columns, broken between words where there are any. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let rest = text
  while (columns(rest) > width) {
    const head = clip(rest, width + 1).slice(0, -1)
    const space = head.lastIndexOf(' ')
    const cut = space > 0 ? space : head.length
    lines.push(rest.slice(0, cut).trimEnd())
    rest = rest.slice(cut).trimStart()
  }
  return [...lines, rest]
}

/** Cut or filled up to a number of columns; Chinese characters take two. */
function pad(text: string, width: number): string {
  const cut = clip(text, width)
  return cut + ' '.repeat(Math.max(0, width - columns(cut)))
}

function clip(text: string, width: number): string {
  if (columns(text) <= width) return text
  const chars = [...text]
  while (columns(chars.join('')) > width - 1) chars.pop()
  return `${chars.join('').trimEnd()}…`
}

function columns(text: string): number {
  return [...text].reduce(
    (sum, char) => sum + (/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/.test(char) ? 2 : 1),
    0,
  )
}

function colours(output: Output | undefined) {
  const on = output?.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
  const paint = (open: number, close: number) => (text: string) => (on ? `\x1b[${open}m${text}\x1b[${close}m` : text)
  return { bold: paint(1, 22), dim: paint(2, 22), green: paint(32, 39), cyan: paint(36, 39), yellow: paint(33, 39) }
}
