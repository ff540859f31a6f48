import type { Hit } from '../../index.ts'
import type { Palette } from './colour.ts'
import { column, oneLine, wrap } from './text.ts'

/** Hits as numbered entries: id and score, then the beginning of the document. */
export function hitLines(hits: readonly Hit[], width: number, { bold, dim }: Palette): string[] {
  return hits.flatMap(({ document, score }, i) => {
    const head = `${String(i + 1).padStart(3)}. `
    const text = document.title ? `${document.title}. ${document.text}` : document.text
    return [
      `${head}${bold(column(oneLine(document.id), width - head.length - 6))} ${score.toFixed(3)}`,
      ...wrap(text, width - head.length, 2).map((line) => dim(' '.repeat(head.length) + line)),
    ]
  })
}

/** What a terminal offers, within the limits of comfortable reading. */
export function lineWidth(columns: number | undefined): number {
  return Math.max(40, Math.min(columns ?? 80, 100))
}
