export type Cell = string | number

/** A Markdown table; numbers keep three significant digits, all columns but the first stand to the right. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly Cell[]): string => `| ${cells.map(show).join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

/** `1.23`, `45.6`, `789`; texts as they are. */
export function show(cell: Cell): string {
  if (typeof cell === 'string') return cell
  if (!Number.isFinite(cell)) return '–'
  const size = Math.abs(cell)
  return size >= 100
    ? Math.round(cell).toLocaleString('en')
    : size >= 10
      ? cell.toFixed(1)
      : size >= 0.1 || size === 0
        ? cell.toFixed(2)
        : cell.toPrecision(2)
}
