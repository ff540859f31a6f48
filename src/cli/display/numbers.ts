const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** 46,654 */
export function count(value: number): string {
  return grouped.format(value)
}

/** "1 document", "46,654 documents" */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}

/** "0.4 s", "12 s", "3 min 5 s", "1 h 2 min" */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

/** A share in [0, 1] as a bar of eighth blocks, filled up with spaces to `width` columns. */
export function bar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8)
  const full = Math.floor(eighths / 8)
  const part = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8]!
  return ('█'.repeat(full) + part).padEnd(width)
}
