/** A part of a text under its heading. */
export interface Section {
  /** `undefined` above the first heading. */
  readonly heading: string | undefined
  readonly text: string
}

/** Cuts Markdown at its headings (`#` and underlined ones), code blocks left alone. Sections without a body are left out. */
export function markdownSections(markdown: string): Section[] {
  const sections: Section[] = []
  let heading: string | undefined
  let lines: string[] = []
  let fence: string | undefined
  const finish = (next: string | undefined): void => {
    const text = lines.join('\n').trim()
    if (text !== '') sections.push({ heading, text })
    heading = next
    lines = []
  }
  for (const line of markdown.replace(/\r\n?/g, '\n').split('\n')) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1]
    if (fence !== undefined) {
      if (mark?.startsWith(fence) && line.trim() === mark) fence = undefined
      lines.push(line)
      continue
    }
    if (mark !== undefined) fence = mark
    const hashes = mark === undefined ? /^ {0,3}#{1,6}[ \t]+(.+?)(?:[ \t]+#+)?[ \t]*$/.exec(line)?.[1] : undefined
    const above = lines.at(-1)?.trim() ?? ''
    const underlined = /^ {0,3}(=+|-{2,})[ \t]*$/.test(line) && above !== '' && !/^([-*+>|#]|\d+[.)])/.test(above)
    if (hashes !== undefined) finish(plain(hashes))
    else if (underlined && mark === undefined) {
      lines.pop()
      finish(plain(above))
    } else lines.push(line)
  }
  finish(undefined)
  return sections
}

/** Paragraphs put together to passages of at most `size` characters; a longer paragraph stays whole. */
export function passagesOf(text: string, size: number): string[] {
  const passages: string[] = []
  for (const paragraph of text.split(/\n\s*\n/)) {
    const trimmed = paragraph.trim()
    if (trimmed === '') continue
    const last = passages.at(-1)
    if (last !== undefined && last.length + trimmed.length + 2 <= size) passages[passages.length - 1] = `${last}\n\n${trimmed}`
    else passages.push(trimmed)
  }
  return passages
}

const sentenceCutter = new Intl.Segmenter('en', { granularity: 'sentence' })

/** The sentences of a text, code left aside. */
export function sentencesOf(text: string): string[] {
  const prose = text.replace(/^ {0,3}(`{3,}|~{3,})[\s\S]*?^ {0,3}\1[ \t]*$/gm, '\n')
  return [...sentenceCutter.segment(prose)].map(({ segment }) => segment.trim()).filter((sentence) => sentence !== '')
}

/** A heading without its emphasis, code marks and link targets. */
function plain(heading: string): string {
  return heading
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[`*]+|(?<=^|\s)_+|_+(?=\s|$)/g, '')
    .trim()
}
