import type { Metadata, MetadataValue } from '../../document.ts'

/** What a Markdown file says of itself. */
export interface MarkdownDocument {
  readonly title: string | undefined
  /** The body, without front matter and without a title that stands at its top. */
  readonly text: string
  /** The front matter's fields. */
  readonly metadata: Metadata
}

/** Title from the front matter or the first heading; the other fields of the front matter are metadata. Pure. */
export function parseMarkdown(source: string): MarkdownDocument {
  const { fields, body } = frontMatter(source.replace(/\r\n?/g, '\n'))
  const { title: given, ...metadata } = fields
  if (typeof given === 'string' && given !== '') return { title: given, text: body, metadata }
  const heading = firstHeading(body)
  if (!heading) return { title: undefined, text: body, metadata }
  const above = body.slice(0, heading.start)
  // A heading further down belongs to the text; at the top it would be embedded twice.
  const text = above.trim() === '' ? body.slice(heading.end) : body
  return { title: heading.title, text: text.replace(/^\n+/, ''), metadata }
}

interface Heading {
  readonly title: string
  readonly start: number
  readonly end: number
}

function firstHeading(body: string): Heading | undefined {
  let fence: string | undefined
  let start = 0
  let previous: { text: string; start: number } | undefined
  for (const line of body.split('\n')) {
    const end = start + line.length + 1
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1]
    if (fence) {
      if (mark?.startsWith(fence) && line.trim() === mark) fence = undefined
    } else if (mark) {
      fence = mark
    } else {
      const hashes = /^ {0,3}#{1,6}[ \t]+(.+?)(?:[ \t]+#+)?[ \t]*$/.exec(line)
      if (hashes) return { title: plain(hashes[1]!), start, end }
      if (previous && /^ {0,3}(=+|-{2,})[ \t]*$/.test(line)) return { title: plain(previous.text), start: previous.start, end }
    }
    previous = fence || line.trim() === '' || /^\s*([-*+>|]|\d+[.)])/.test(line) ? undefined : { text: line.trim(), start }
    start = end
  }
  return undefined
}

/** A heading without its emphasis, code marks and link targets. */
function plain(heading: string): string {
  return heading
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[`*]+|(?<=^|\s)_+|_+(?=\s|$)/g, '')
    .trim()
}

/** Flat YAML between two lines of `---`: scalars and lists of scalars. Anything deeper is kept as the text it is. */
function frontMatter(source: string): { fields: Record<string, MetadataValue>; body: string } {
  const match = /^---[ \t]*\n(?:([\s\S]*?)\n)?---[ \t]*(?:\n|$)/.exec(source)
  if (!match) return { fields: {}, body: source }
  const fields: Record<string, MetadataValue> = {}
  const blocks = (match[1] ?? '').split(/\n(?=[^\s#-])/)
  for (const block of blocks) {
    const field = /^([^\s:#][^:]*):(?:[ \t]+([^\n]*)|[ \t]*)(?:\n([\s\S]*))?$/.exec(block)
    if (!field) continue
    const [, key, first = '', rest = ''] = field
    fields[key!.trim()] =
      first.trim() === '' && rest.trim() !== '' ? blockValue(rest) : rest.trim() === '' ? value(first) : `${first}\n${rest}`
  }
  return { fields, body: source.slice(match[0].length) }
}

function blockValue(block: string): MetadataValue {
  const lines = block.split('\n').filter((line) => line.trim() !== '' && !/^\s*#/.test(line))
  const items = lines.map((line) => /^\s*-\s+([^\n]*)$/.exec(line)?.[1])
  const flat = items.every((item) => item !== undefined && !/^[\w-]+:\s/.test(item))
  return flat ? items.map((item) => value(item!)) : block
}

function value(text: string): MetadataValue {
  const quoted = /^(["'])(.*)\1\s*(?:#.*)?$/.exec(text.trim())
  if (quoted) return quoted[2]!
  const scalar = text.replace(/\s#.*$/, '').trim()
  if (/^\[.*\]$/.test(scalar)) {
    const inner = scalar.slice(1, -1).trim()
    return inner === '' ? [] : (inner.match(/\s*("[^"]*"|'[^']*'|[^,]+)/g) ?? []).map(value)
  }
  if (scalar === '' || scalar === '~' || scalar === 'null') return null
  if (scalar === 'true' || scalar === 'false') return scalar === 'true'
  return /^-?(0|[1-9]\d{0,14})(\.\d+)?$/.test(scalar) ? Number(scalar) : scalar
}
