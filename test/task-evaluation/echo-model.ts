import { PromptTooLongError } from '../../src/errors.ts'
import type { LanguageModel, Likelihood, Prompt } from '../../src/language-model/language-model.ts'

/**
 * A language model whose likelihoods one can work out in one's head: a word of the answer has probability 1/2 where it was read before, and
 * 1/10 else. Words are tokens. Where the window is too short the key loses its last words, then what follows it its first.
 */
export function echoModel(window = 1000): LanguageModel & { readonly prompts: Prompt[]; readonly calls: number[] } {
  const prompts: Prompt[] = []
  const calls: number[] = []
  const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '')
  return {
    id: 'echo',
    window,
    /** Everything it was asked. */
    prompts,
    /** How many prompts each call had. */
    calls,
    async likelihoods(asked, { signal } = {}) {
      signal?.throwIfAborted()
      const fitted = asked.map((prompt, index) => {
        const [before, key, after, answer] = [prompt.before, prompt.key, prompt.after, prompt.answer].map(words) as [
          string[],
          string[],
          string[],
          string[],
        ]
        if (before.length + answer.length > window)
          throw new PromptTooLongError(index, before.length + answer.length, window, prompt.answer)
        const excess = Math.max(0, before.length + key.length + after.length + answer.length - window)
        const fromKey = Math.min(excess, key.length)
        const fromAfter = excess - fromKey
        const read = [...before, ...key.slice(0, key.length - fromKey), ...after.slice(fromAfter)]
        return { read, answer, cut: { key: fromKey, after: fromAfter } }
      })
      prompts.push(...asked)
      calls.push(asked.length)
      return fitted.map(({ read, answer, cut }): Likelihood => {
        const logLikelihood = answer.reduce((sum, word) => sum + Math.log(read.includes(word) ? 0.5 : 0.1), 0)
        return { logLikelihood, tokens: answer.length, cut }
      })
    },
    close: async () => {},
  }
}
