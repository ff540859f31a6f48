import { Command, InvalidArgumentError, Option } from 'commander'
import type { Filter } from '../index.ts'

/** A subcommand with its examples under the help. */
export function command(name: string, description: string, examples: readonly string[]): Command {
  return new Command(name)
    .description(description)
    .helpOption('-h, --help', 'show this help')
    .showHelpAfterError(`(pilotfish ${name.split(' ')[0]} --help shows how it is used)`)
    .addHelpText('after', `\nExamples:\n${examples.map((line) => `  $ ${line}`).join('\n')}`)
}

export const indexOption = (): Option => new Option('-i, --index <dir>', 'directory of the index').makeOptionMandatory()
export const packOption = (): Option => new Option('--pack <dir>', 'expert pack (default: the bundled one, English)')
export const jsonOption = (): Option => new Option('--json', 'print JSON, and nothing else, on standard output')

/** A whole number in a range. */
export function wholeNumber(low: number, high = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= low && value <= high) return value
    throw new InvalidArgumentError(
      high === Number.MAX_SAFE_INTEGER ? `Give a whole number, ${low} or more.` : `Give a whole number from ${low} to ${high}.`,
    )
  }
}

/** A number in a range. */
export function numberBetween(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() !== '' && value >= low && value <= high) return value
    throw new InvalidArgumentError(`Give a number from ${low} to ${high}.`)
  }
}

/** A metadata filter written as JSON. */
export function filterJson(text: string): Filter {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new InvalidArgumentError(`Give JSON, quoted for the shell: '{"set": "docs"}'.`)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Filter
  throw new InvalidArgumentError(`Give a JSON object: '{"set": "docs"}'.`)
}

/** Names joined by commas. */
export function nameList(text: string): string[] {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (names.length > 0) return names
  throw new InvalidArgumentError('Give at least one name.')
}
