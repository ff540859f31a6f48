import type { RetrievalTask } from '../tasks/task.ts'
import type { RewardedSample } from './reward.ts'

/** What became of the lines of one task. */
export interface ScoredTask {
  readonly scored: number
  /** Lines that went through with the scores they came with, and how many of them came with some. */
  readonly unscorable: number
  readonly withScores: number
  /** How often each reason occurred. */
  readonly reasons: Readonly<Record<string, number>>
  readonly candidates: number
  /** Tokens the model read. */
  readonly tokens: number
  /** Prompts the window was too short for, and the tokens they lost. */
  readonly cuts: RewardedSample['cuts']
}

/** Counts, task by task. */
export interface Tally {
  add(rewarded: RewardedSample): void
  tasks(): Readonly<Partial<Record<RetrievalTask, ScoredTask>>>
}

export function scoringTally(): Tally {
  const tasks = new Map<RetrievalTask, ScoredTask>()
  const empty: ScoredTask = {
    scored: 0,
    unscorable: 0,
    withScores: 0,
    reasons: {},
    candidates: 0,
    tokens: 0,
    cuts: { prompts: 0, key: 0, after: 0 },
  }
  return {
    add({ sample, unscorable, tokens, cuts }) {
      const known = tasks.get(sample.task) ?? empty
      tasks.set(sample.task, {
        scored: known.scored + Number(unscorable === undefined),
        unscorable: known.unscorable + Number(unscorable !== undefined),
        withScores: known.withScores + Number(unscorable !== undefined && sample.scores !== undefined),
        reasons: unscorable === undefined ? known.reasons : { ...known.reasons, [unscorable]: (known.reasons[unscorable] ?? 0) + 1 },
        candidates: known.candidates + (unscorable === undefined ? sample.candidates.length : 0),
        tokens: known.tokens + tokens,
        cuts: {
          prompts: known.cuts.prompts + cuts.prompts,
          key: known.cuts.key + cuts.key,
          after: known.cuts.after + cuts.after,
        },
      })
    },
    tasks: () => Object.fromEntries(tasks),
  }
}
