import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { InvalidArgumentError } from '../../errors.ts'
import type { FitState, Look } from './fit.ts'

/** Everything needed to go on with the training of an expert that was cut off: numbers, and arrays by name. */
export interface ExpertCheckpoint {
  /** Of the data and settings it was made with. */
  readonly fingerprint: string
  /** Steps done, counted over all runs. */
  readonly step: number
  /** What the runs that are over saw, in order. A training is several runs: of each rate, and of each part that judges the others. */
  readonly runs: readonly (readonly Look[])[]
  /** Where the present run stands. */
  readonly run: FitState
  readonly arrays: Readonly<Record<string, Float32Array>>
}

/** A name for what is trained, equal only where going on from a checkpoint gives what an uninterrupted training gives. */
export function fingerprintOf(...facts: readonly unknown[]): string {
  const hash = createHash('sha256')
  for (const fact of facts) hash.update(JSON.stringify(fact) ?? '-').update('\n')
  return hash.digest('hex')
}

/** The same for lists of texts, which may be too long to be one. */
export async function fingerprintOfTexts(lists: readonly (readonly string[])[], signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256')
  let turn = performance.now()
  for (const list of lists) {
    hash.update(`${list.length}\n`)
    for (const text of list) {
      hash.update(`${text.length}\n`).update(text)
      if (performance.now() - turn < 20) continue
      await nextTurn()
      signal?.throwIfAborted()
      turn = performance.now()
    }
  }
  return hash.digest('hex')
}

/** @throws InvalidArgumentError when it is of another training */
export function checkResume(checkpoint: ExpertCheckpoint | undefined, fingerprint: string): void {
  if (checkpoint && checkpoint.fingerprint !== fingerprint)
    throw new InvalidArgumentError(
      'resume',
      'is the checkpoint of another training',
      'Give the same pairs, base, settings and seed as then, or leave `resume` out to start anew.',
    )
}

/** Writes named arrays into those of the same names. */
export function copyArrays(from: Readonly<Record<string, Float32Array>>, to: Readonly<Record<string, Float32Array>>, prefix = ''): void {
  for (const [name, values] of Object.entries(to)) {
    const given = from[prefix + name]
    if (given?.length !== values.length) throw new InvalidArgumentError('resume', `lacks the array "${prefix + name}" as it was`)
    values.set(given)
  }
}
