/**
 * A line of JSON with one field set, everything else as it was written: numbers that JavaScript would round, spaces, the order of fields.
 * @param text A JSON object, known to be one.
 * @param value JSON.
 */
export function withField(text: string, name: string, value: string): string {
  const place = valuePlace(text, name)
  if (place) return `${text.slice(0, place.start)} ${value}${text.slice(place.end)}`
  const end = text.lastIndexOf('}')
  const before = text.slice(0, end).trimEnd()
  return `${before}${before.endsWith('{') ? '' : ', '}${JSON.stringify(name)}: ${value}}`
}

/** Where the value of an object's own field stands; of several with one name the last, which counts. */
function valuePlace(text: string, name: string): { readonly start: number; readonly end: number } | undefined {
  let found: { start: number; end: number } | undefined
  let depth = 0
  let key: string | undefined
  /** Where the value begins that is being read. */
  let start: number | undefined
  const close = (end: number): void => {
    if (start !== undefined && key === name) found = { start, end }
    start = undefined
  }
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!
    if (character === '"') {
      const end = stringEnd(text, i)
      if (depth === 1 && start === undefined) key = JSON.parse(text.slice(i, end)) as string
      i = end - 1
    } else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') {
      if (--depth === 0) close(i)
    } else if (depth === 1 && character === ':') start = i + 1
    else if (depth === 1 && character === ',') close(i)
  }
  return found
}

/** One past the quotation mark that ends the string beginning at `start`. */
function stringEnd(text: string, start: number): number {
  let i = start + 1
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1
  return i + 1
}
