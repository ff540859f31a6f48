import { InvalidArgumentError } from '../errors.ts'

/** As many of the latest pieces as fit before what must stay. @throws InvalidArgumentError for a limit that is no whole number above 0 */
export function fitting(pieces: readonly string[], last: string, between: string, maxCharacters = Number.MAX_SAFE_INTEGER): string {
  if (!(Number.isInteger(maxCharacters) && maxCharacters > 0))
    throw new InvalidArgumentError('maxCharacters', `is ${maxCharacters}, not a whole number above 0`)
  let text = last
  for (const piece of pieces.toReversed()) {
    const longer = `${piece}${between}${text}`
    if (longer.length > maxCharacters) break
    text = longer
  }
  return text
}
