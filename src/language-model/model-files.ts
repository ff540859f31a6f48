import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { InvalidArgumentError } from '../errors.ts'

/** What config.json says. */
export type ModelSettings = Readonly<Record<string, unknown>>

/** Longest window that is taken without being asked for: what a pass holds in memory grows with it. */
const longestWindow = 4096

/** Tokens a model reads at most. @throws InvalidArgumentError */
export function chooseWindow(asked: number | undefined, settings: ModelSettings, directory: string): number {
  const positions = numberOf(nested(settings), ['max_position_embeddings', 'n_positions', 'n_ctx', 'max_seq_len', 'max_sequence_length'])
  if (asked !== undefined && positions !== undefined && asked > positions)
    throw new InvalidArgumentError('window', `is ${asked}, but the model has ${positions} positions`)
  const window = asked ?? (positions === undefined ? undefined : Math.min(positions, longestWindow))
  if (window === undefined)
    throw new InvalidArgumentError('window', `is not given, and config.json in ${directory} does not say how many tokens the model reads`)
  return window
}

/** Words the model has a place for. */
export function vocabularyOf(settings: ModelSettings): number {
  return numberOf(nested(settings), ['vocab_size']) ?? Infinity
}

/** Models of several parts keep what concerns text in a part of its own. */
function nested(settings: ModelSettings): ModelSettings {
  return typeof settings.text_config === 'object' && settings.text_config !== null
    ? { ...settings, ...(settings.text_config as Record<string, unknown>) }
    : settings
}

function numberOf(settings: ModelSettings, names: readonly string[]): number | undefined {
  for (const name of names) {
    const value = settings[name]
    if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value
  }
  return undefined
}

/** Hashes of the graph, its external weights and the tokenizer; files are read in pieces, as weights may be large. */
export async function hashes(directory: string, file: string): Promise<string[]> {
  const folder = dirname(file)
  const graphs = (await readdir(join(directory, folder))).map((name) => join(folder, name)).filter((name) => name.startsWith(file))
  const found: string[] = []
  for (const name of [...graphs.sort(), 'tokenizer.json', 'tokenizer_config.json']) {
    const hash = createHash('sha256')
    try {
      for await (const chunk of createReadStream(join(directory, name))) hash.update(chunk as Uint8Array)
      found.push(`${name} ${hash.digest('hex')}`)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return found
}
