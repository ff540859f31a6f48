import { InvalidArgumentError } from '../../errors.ts'
import { checkLoss } from '../losses/loss.ts'
import type { AnyExpertOptions } from './expert.ts'
import { tooSmall, type TrainingSet } from './pairs.ts'

/** The options of a training, decided. */
export interface Settings {
  readonly folds: number
  readonly rates: readonly number[]
  readonly steps: number
  readonly batchSize: number
  readonly temperature: number
  readonly dropout: number
  readonly negatives: number
  readonly hardNegatives: number
  /** Whether they are looked for where a query names none. */
  readonly mines: boolean
  readonly candidates: number
  readonly homogeneous: boolean
  readonly selfPaced: boolean
  readonly tied: boolean
  readonly earlyStopping: boolean
  readonly foreignSets: boolean
  readonly seed: number
}

/** Below so many queries, a fifth of them is too few to decide by. */
const few = 1000
/** From so many queries on, they are each other's negatives, and no token is relied on by chance. */
const many = 5000
/** Candidates a query brings beside its answer, as in LLM-Embedder. */
const groupNegatives = 7

/** What is not said is chosen by method, and by how much there is to learn from. @throws InvalidArgumentError */
export function decide(options: AnyExpertOptions, sets: readonly TrainingSet[], madeUp: boolean): Settings {
  const { method, seed = 1, batchSize = method === 'lora' ? 64 : 384, temperature = 0.05 } = options
  const main = sets.filter(({ heldOut }) => heldOut?.length !== 0)
  const queries = main.reduce((sum, set) => sum + set.queries.length, 0)
  if (main.every((set) => !set.heldOut) && queries < 5) throw tooSmall()
  const folds = options.folds ?? (queries < few && queries >= 5 ? 5 : 0)
  if (!(Number.isInteger(folds) && folds >= 0 && folds !== 1 && folds <= Math.max(0, queries)))
    throw new InvalidArgumentError('folds', `is ${folds}`, 'Give 0, or a whole number from 2 to the number of queries.')
  const scarce = queries < many
  const asked = sets.flatMap((set) => [...set.queries, ...(set.heldOut ?? [])])
  const told = asked.some(({ rewards }) => rewards !== undefined)
  const warned = asked.some(({ negatives, rewards }) => negatives !== undefined && !rewards)
  const { tied = false } = options
  if (tied && method === 'table')
    throw new InvalidArgumentError(
      'tied',
      'is for documents that learn as well, which a table expert leaves as they are',
      'Train an adapter or LoRA.',
    )
  for (const [i, { loss }] of sets.entries()) if (loss) checkLoss(loss, `pairs[${i}].loss`)
  return {
    folds,
    rates: options.rates ?? (method === 'lora' ? [2e-3] : method === 'adapter' ? [1e-3] : madeUp ? [5e-3] : [5e-3, 2e-2]),
    steps: options.steps ?? (method === 'lora' ? (folds > 0 ? 200 : 800) : madeUp ? 60 : folds > 0 ? 80 : 400),
    batchSize,
    temperature,
    dropout: method === 'lora' ? 0 : (options.dropout ?? (scarce ? 0.5 : 0)),
    negatives: options.negatives ?? (scarce ? 512 : 0),
    mines: options.hardNegatives !== undefined || !warned,
    hardNegatives: options.hardNegatives ?? (warned ? groupNegatives : folds > 0 && method === 'table' && !madeUp ? 3 : 0),
    candidates: options.candidates ?? (told ? groupNegatives : 0),
    homogeneous: options.homogeneous ?? true,
    selfPaced: options.selfPaced ?? false,
    tied,
    earlyStopping: options.earlyStopping ?? true,
    foreignSets: options.foreignSets ?? false,
    seed,
  }
}

/** @throws InvalidArgumentError where a teacher judges, and likes all candidates of every query alike */
export function requireJudges(sets: readonly TrainingSet[], { folds: count }: Settings): void {
  const judging = sets.flatMap(({ queries, heldOut = [] }) => (count > 0 ? [...queries, ...heldOut] : heldOut))
  if (judging.length > 0 && judging.every(({ rewards }) => rewards?.values.every((value) => value === rewards.values[0])))
    throw new InvalidArgumentError(
      'pairs',
      'has no query whose rewards differ among those that judge, so nothing says which expert is better',
      'Leave queries out whose candidates are all worth the same.',
    )
}
