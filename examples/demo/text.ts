/** Texts in columns, as a terminal counts them. */
const barWidth = 20

/** A share in [0, 1] as blocks. */
export function bar(share: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * barWidth * 8)
  return ('█'.repeat(Math.floor(eighths / 8)) + ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8]!).padEnd(barWidth)
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

/** Lines of at most so many columns, broken between words where there are any, but not at no-break spaces. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let rest = text
  while (columns(rest) > width) {
    const head = clip(rest, width + 1).slice(0, -1)
    const space = head.lastIndexOf(' ')
    const cut = space > 0 ? space : head.length
    lines.push(rest.slice(0, cut).trimEnd())
    rest = rest.slice(cut).trimStart()
  }
  return [...lines, rest].map((line) => line.replaceAll('\u00a0', ' '))
}

/** Cut or filled up to a number of columns; Chinese characters take two. */
export function pad(text: string, width: number): string {
  const cut = clip(text, width)
  return cut + ' '.repeat(Math.max(0, width - columns(cut)))
}

export function clip(text: string, width: number): string {
  if (columns(text) <= width) return text
  const chars = [...text]
  while (columns(chars.join('')) > width - 1) chars.pop()
  return `${chars.join('').trimEnd()}…`
}

export function columns(text: string): number {
  return [...text].reduce(
    (sum, char) => sum + (/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/.test(char) ? 2 : 1),
    0,
  )
}
