import { displayWidth } from './text.ts'

/** Lines with cells under each other: a header, then the rows, indented by two. @param options.left Columns that begin where their cells do; the others end there. */
export function alignedTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  { left }: { readonly left: readonly number[] },
): string[] {
  const widths = header.map((title, column) => Math.max(displayWidth(title), ...rows.map((row) => displayWidth(row[column]!))))
  const line = (cells: readonly string[]): string =>
    `  ${cells
      .map((cell, column) => {
        const space = ' '.repeat(widths[column]! - displayWidth(cell))
        return left.includes(column) ? cell + space : space + cell
      })
      .join('  ')}`.trimEnd()
  return [header, ...rows].map(line)
}
