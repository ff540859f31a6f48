/** One printable line: control and direction marks, which could drive a terminal, and runs of white space become a space. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\s\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim()
}

/** Columns a text takes on a terminal. */
export function displayWidth(text: string): number {
  let width = 0
  for (const char of text) width += charWidth(char)
  return width
}

/** At most `width` columns of a text, with `…` where something is missing. */
export function clip(text: string, width: number): string {
  let used = 0
  let end = 0
  let fits = 0
  for (const char of text) {
    used += charWidth(char)
    if (used <= width - 1) fits = end + char.length
    end += char.length
    if (used > width) return `${text.slice(0, fits).trimEnd()}…`
  }
  return text
}

/** A text in a column of its own: clipped or filled up to the width. */
export function column(text: string, width: number): string {
  const clipped = clip(text, width)
  return clipped + ' '.repeat(Math.max(0, width - displayWidth(clipped)))
}

/** Lines of at most `width` columns, broken at spaces; the last allowed line is clipped. */
export function wrap(text: string, width: number, maxLines: number): string[] {
  const lines: string[] = []
  let rest = oneLine(text)
  while (rest !== '' && lines.length < maxLines) {
    if (lines.length === maxLines - 1 || displayWidth(rest) <= width) {
      lines.push(clip(rest, width))
      break
    }
    const head = clip(rest, width + 1).replace(/…$/, '')
    const space = head.lastIndexOf(' ')
    const cut = space > width / 2 ? space : head.length
    lines.push(rest.slice(0, cut).trimEnd())
    rest = rest.slice(cut).trimStart()
  }
  return lines
}

/** East Asian characters and emoji take two columns, combining marks none. */
function charWidth(char: string): number {
  const code = char.codePointAt(0)!
  if (code < 0x300) return 1
  if (/\p{Mn}|\p{Me}/u.test(char)) return 0
  const wide =
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  return wide ? 2 : 1
}
