import type { LanguageModel, Likelihood } from '../language-model/language-model.ts'
import { answersOf, promptOf, unscorable } from '../rewards/templates.ts'
import type { TaskSample } from '../tasks/sample.ts'
import type { RetrievalTask } from '../tasks/task.ts'
import { groupLikelihoods, type AskModelOptions } from './answer-likelihoods.ts'

/** Asks without any candidate, under this name. */
export const withoutCandidates = 'none'

/** How well a language model foretells the answers of some samples. */
export interface Perplexity {
  /** exp(−sum of the log-likelihoods / number of tokens) over all answers: 1 or more, lower is better. */
  readonly perplexity: number
  /** Tokens of the answers. */
  readonly tokens: number
  /** Tokens of candidates, and of what stands between them and the answer, that the window left no room for. */
  readonly cut: { readonly key: number; readonly after: number }
}

/** @returns `undefined` where there is no token to go by */
export function perplexity(likelihoods: readonly Likelihood[]): Perplexity | undefined {
  let nats = 0
  let tokens = 0
  const cut = { key: 0, after: 0 }
  for (const one of likelihoods) {
    nats -= one.logLikelihood
    tokens += one.tokens
    cut.key += one.cut.key
    cut.after += one.cut.after
  }
  return tokens === 0 ? undefined : { perplexity: Math.exp(nats / tokens), tokens, cut }
}

/**
 * Likelihoods of each sample's first answer without any candidate and after each of the contexts that systems chose for it: a row a sample,
 * which is a reason in words where the model can say nothing of it.
 * @param contexts For every system, the candidates of each sample that it puts first, best first.
 */
export async function answerLikelihoods(
  model: LanguageModel,
  samples: readonly TaskSample[],
  contexts: readonly (readonly (readonly string[])[])[],
  options: AskModelOptions = {},
): Promise<(readonly Likelihood[] | string)[]> {
  const rows: (readonly Likelihood[] | string)[] = samples.map((sample) => unscorable(sample) ?? '')
  const asked = [...samples.keys()].filter((i) => rows[i] === '')
  const groups = asked.map((i) => {
    const sample = samples[i]!
    const answer = answersOf(sample)[0]!
    const keys = contexts.map((own) => (own[i]!.length === 0 ? undefined : joinCandidates(sample.task, own[i]!)))
    return { prompts: [undefined, ...keys].map((key) => ({ ...promptOf(sample, key), answer })) }
  })
  const found = await groupLikelihoods(model, groups, options)
  asked.forEach((place, i) => {
    const row = found[i]
    if (row === undefined) rows[place] = "has an answer longer than the model's window"
    else rows[place] = row.some(({ tokens }) => tokens === 0) ? 'has an answer without a token' : row
  })
  return rows
}

/**
 * Candidates as one context, best first: where the window is too short, the end goes, so the least of them. Chunks of one text go on after a
 * space, the others on lines of their own.
 */
export function joinCandidates(task: RetrievalTask, candidates: readonly string[]): string {
  return candidates.join(task === 'lrlm' ? ' ' : '\n')
}
