import { InvalidArgumentError } from '../errors.ts'

/** Checks once, at the border, that texts are texts. */
export function requireTexts(texts: readonly string[]): void {
  if (!Array.isArray(texts))
    throw new InvalidArgumentError('texts', `is ${describe(texts)}, not a list of strings`, 'Wrap a single text in a list.')
  for (let i = 0; i < texts.length; i++) {
    if (typeof texts[i] !== 'string') throw new InvalidArgumentError(`texts[${i}]`, `is ${describe(texts[i])}, not a string`)
  }
}

function describe(value: unknown): string {
  return value === null ? 'null' : typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
