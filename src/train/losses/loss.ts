import { InvalidArgumentError } from '../../errors.ts'
import type { RetrievalTask } from '../../tasks/task.ts'

/** What a batch's cosines are to become, in parts that are added. */
export interface LossSettings {
  /** What the contrastive loss counts: one answer against all other documents of the batch (van den Oord et al. 2018, eq. 4). @default 1 */
  readonly contrastive?: number
  /** How queries with rewards learn from them. @default none */
  readonly distillation?: Distillation
}

export interface Distillation {
  /**
   * `graded` (LLM-Embedder): each candidate, weighed by softmax(rewards), against the candidates of lower reward and all others of the batch; those of equal or
   * higher reward are left out. `kl`: Kullback–Leibler divergence of the candidates' softmax from that of rewards / temperature, which wants no order
   * of a noisy teacher; other documents of the batch have no part in it.
   */
  readonly kind: 'graded' | 'kl'
  /** @default 1 */
  readonly weight?: number
  /** Of the teacher: rewards are divided by it before the softmax. @default 1 */
  readonly temperature?: number
  /**
   * Of the student: cosines are divided by it before the softmax.
   * @default 0.4, which found most on development queries, with frozen and with learning documents; the contrastive loss's own (0.05) made cosines
   * of near misses count for too much
   */
  readonly studentTemperature?: number
}

export const usualStudentTemperature = 0.4

/** How a task was trained in LLM-Embedder's released run. */
export interface TaskRecipe {
  readonly loss: LossSettings
  /** Which candidate the contrastive loss wants, and a batch never lacks: the first that is known to help, or the one of the highest reward. */
  readonly positive: 'given' | 'teacher'
  /** Samples whose rewards lie closer together than this teach nothing and are left out. */
  readonly margin: number
}

const graded: LossSettings = { contrastive: 0, distillation: { kind: 'graded' } }
const contrastive: LossSettings = { contrastive: 1 }
const kl: LossSettings = { contrastive: 0, distillation: { kind: 'kl', temperature: 0.1 } }

export const releasedRecipes: Readonly<Record<RetrievalTask, TaskRecipe>> = {
  qa: { loss: graded, positive: 'given', margin: 0 },
  convsearch: { loss: contrastive, positive: 'given', margin: 0 },
  chat: { loss: kl, positive: 'teacher', margin: 0 },
  lrlm: { loss: kl, positive: 'teacher', margin: 0.1 },
  icl: { loss: graded, positive: 'given', margin: 0 },
  tool: { loss: contrastive, positive: 'given', margin: 0 },
}

/** Of smaller ones the softmax of far cosines is 0 in double precision, and a loss of it no number. */
const leastTemperature = 0.003

/** @throws InvalidArgumentError */
export function checkTemperature(name: string, value: number): void {
  if (!(value >= leastTemperature && Number.isFinite(value)))
    throw new InvalidArgumentError(name, `is ${value}, not a number from ${leastTemperature} on`)
}

/** @throws InvalidArgumentError */
export function checkLoss({ contrastive: share = 1, distillation }: LossSettings, name: string): void {
  const { kind, weight = 1, temperature = 1, studentTemperature = 1 } = distillation ?? { kind: 'graded' as const }
  if (!(share >= 0 && Number.isFinite(share))) throw new InvalidArgumentError(`${name}.contrastive`, `is ${share}, not a number from 0 on`)
  if (kind !== 'graded' && kind !== 'kl')
    throw new InvalidArgumentError(`${name}.distillation.kind`, `is ${JSON.stringify(kind)}`, 'Known are graded and kl.')
  if (!(weight >= 0 && Number.isFinite(weight)))
    throw new InvalidArgumentError(`${name}.distillation.weight`, `is ${weight}, not a number from 0 on`)
  if (!(temperature > 0 && Number.isFinite(temperature)))
    throw new InvalidArgumentError(`${name}.distillation.temperature`, `is ${temperature}, not a number above 0`)
  checkTemperature(`${name}.distillation.studentTemperature`, studentTemperature)
  if (share === 0 && (!distillation || weight === 0)) throw new InvalidArgumentError(name, 'has nothing that counts')
}
