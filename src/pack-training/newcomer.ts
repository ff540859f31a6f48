import type { Encoder } from '../encoder/encoder.ts'
import { InvalidArgumentError } from '../errors.ts'
import { generalName, type LoadedPack } from '../load-pack.ts'
import { defaultCalibration, type Calibration } from '../routing/calibration.ts'
import { fitNewcomerScale } from '../routing/fitting/newcomer-scale.ts'
import type { NewcomerFigures } from '../routing/newcomer-figures.ts'
import type { Router } from '../routing/router.ts'
import { startClock, type TrainingProgress } from '../train/progress.ts'
import { judgingQueries, type Division } from './division.ts'
import { expertFigures, type ExpertFigures } from './figures.ts'
import { searchHeldOut, type QueryView } from './search.ts'
import { expectedShare, teachRouter } from './teach-router.ts'

/** An expert that is to join a pack. */
export interface Newcomer {
  readonly name: string
  /** How it reads the questions that judge. */
  readonly view: QueryView
  /** What embeds the documents it searches. */
  readonly documentEncoder: Encoder
}

/** What it is worth, and the pack's routing with it. */
export interface SettledNewcomer {
  readonly heldOut: ExpertFigures
  readonly router: Router
  readonly routing: NewcomerFigures
  /** BM25's share for its questions, in [0, 1]. */
  readonly lexicalWeight: number
  readonly calibration: Calibration
}

export interface SettleOptions {
  readonly seed: number
  readonly signal?: AbortSignal | undefined
  /** `score` counts texts. */
  readonly onProgress?: (progress: TrainingProgress & { readonly stage: 'score' | 'route' }) => void
}

/**
 * Judges a newcomer of any kind beside the general expert, fits its BM25 share and its scale to the questions that judge, and teaches
 * the pack's router when to ask it. Nothing of the other experts changes.
 */
export async function settleNewcomer(
  loaded: LoadedPack,
  division: Division,
  { name, view, documentEncoder }: Newcomer,
  { seed, signal, onProgress }: SettleOptions,
): Promise<SettledNewcomer> {
  const { base } = loaded
  const judging = judgingQueries(division)
  const { documents } = division.sets[0]
  const score = startClock(documents.length + judging.length)
  const queries = await searchHeldOut(documents, judging, {
    base,
    views: [(texts, how) => base.encode(texts, how), view],
    documentEncoders: [base, documentEncoder],
    ...(loaded.lexical && { lexical: loaded.lexical }),
    ...(signal && { signal }),
    onProgress: (done) => onProgress?.({ ...score(done), stage: 'score' }),
  })
  const usual = loaded.calibration ?? defaultCalibration
  const { lexicalWeight, calibration } = fitNewcomerScale(queries, name, [generalName, name], usual, expectedShare(loaded.router))

  onProgress?.({ stage: 'route', done: 0, total: 1, eta: undefined })
  const { router, routing } = await teachRouter(loaded, queries, division, { name, lexicalWeight, seed, signal })
  const facts = { documents: documents.length, expert: name, general: generalName, calibration, lexicalWeight, seed }
  return { heldOut: expertFigures(queries, facts), router, routing, lexicalWeight, calibration }
}

/** @throws InvalidArgumentError for what cannot be the name of an expert */
export function checkExpertName(name: string): void {
  if (typeof name !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(name))
    throw new InvalidArgumentError('name', `is ${JSON.stringify(name)}`, 'Use up to 64 letters, digits, - and _.')
  if (name === generalName)
    throw new InvalidArgumentError('name', `is ${JSON.stringify(name)}, which is the base itself`, 'Choose another.')
}
