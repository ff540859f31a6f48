import type { TaskSample } from '../tasks/sample.ts'

/** A teacher that says how much each candidate of a sample helps. */
export interface Reward {
  /** Fingerprint: equal ids mean interchangeable scores. */
  readonly id: string
  /**
   * Scores every candidate of every sample, in order. What a reward has no use for comes back as it was, with the reason.
   * @throws InvalidScoreError for a score that is no finite number, and whatever the model behind it throws
   */
  score(samples: readonly TaskSample[], options?: RewardOptions): Promise<RewardedSample[]>
  /** What scoring a sample takes, without doing it; `undefined` for a teacher whose cost nobody knows. */
  readonly cost?: (sample: TaskSample) => RewardCost
}

export interface RewardOptions {
  readonly signal?: AbortSignal
  /** Samples dealt with so far. */
  readonly onProgress?: (done: number) => void
}

export interface RewardedSample {
  /** With `scores`: one for each candidate in their order, higher is better. Where `unscorable` is there, as it came. */
  readonly sample: TaskSample
  /** Why the reward has no scores for it: "has no answers". */
  readonly unscorable?: string
  /** Tokens the model read; 0 where nobody says. */
  readonly tokens: number
  /** Prompts the window was too short for, and the tokens they lost. */
  readonly cuts: { readonly prompts: number; readonly key: number; readonly after: number }
}

export interface RewardCost {
  /** Texts the model is given; 0 for a sample that it cannot score. */
  readonly prompts: number
  /** Characters of all of them. */
  readonly characters: number
  /** Tokens the model writes itself at most. */
  readonly drawn: number
}

export const noCuts: RewardedSample['cuts'] = { prompts: 0, key: 0, after: 0 }
export const noCost: RewardCost = { prompts: 0, characters: 0, drawn: 0 }
