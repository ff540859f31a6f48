import { PromptTooLongError } from '../errors.ts'
import type { Likelihood, Prompt } from './language-model.ts'

/**
 * The text before an answer, cut to a window whose tokens are not known, only how many characters make one: the key loses its end, then
 * what stands after it its beginning. Cuts are in tokens by that rate.
 * @throws PromptTooLongError
 */
export function fitCharacters(
  { before, key, after, answer }: Prompt,
  window: number,
  charactersPerToken: number,
  index = 0,
): { readonly text: string; readonly cut: Likelihood['cut'] } {
  const room = Math.floor(window * charactersPerToken)
  const [keyCharacters, afterCharacters] = [[...key], [...after]]
  const fixed = [...before].length + [...answer].length
  const excess = Math.max(0, fixed + keyCharacters.length + afterCharacters.length - room)
  const fromKey = Math.min(excess, keyCharacters.length)
  const fromAfter = excess - fromKey
  if (fromAfter > afterCharacters.length) throw new PromptTooLongError(index, Math.ceil(fixed / charactersPerToken), window, answer)
  const tokens = (characters: number): number => Math.ceil(characters / charactersPerToken)
  return {
    text: before + keyCharacters.slice(0, keyCharacters.length - fromKey).join('') + afterCharacters.slice(fromAfter).join(''),
    cut: { key: tokens(fromKey), after: tokens(fromAfter) },
  }
}
