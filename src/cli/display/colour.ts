import type { Environment, Output } from '../environment.ts'

export type Paint = (text: string) => string

/** Colours for one stream; they leave texts as they are where colours are not wanted. */
export interface Palette {
  readonly bold: Paint
  readonly dim: Paint
  readonly green: Paint
  readonly cyan: Paint
  readonly yellow: Paint
  readonly red: Paint
}

/** Colours on a terminal, unless `NO_COLOR` says no; none in files and pipes, unless `FORCE_COLOR` says yes. */
export function palette(output: Output, variables: Environment['variables']): Palette {
  const { NO_COLOR, FORCE_COLOR, TERM } = variables
  const forced = FORCE_COLOR !== undefined && FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
  const on = !NO_COLOR && (forced || (output.isTTY === true && TERM !== 'dumb' && FORCE_COLOR === undefined))
  const paint =
    (open: number, close: number): Paint =>
    (text) =>
      on && text !== '' ? `\x1b[${open}m${text}\x1b[${close}m` : text
  return { bold: paint(1, 22), dim: paint(2, 22), green: paint(32, 39), cyan: paint(36, 39), yellow: paint(33, 39), red: paint(31, 39) }
}
