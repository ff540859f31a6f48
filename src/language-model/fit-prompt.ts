import { MissingTokenError, PromptTooLongError } from '../errors.ts'
import type { Prompt } from './language-model.ts'

/** What a prompt is split with. */
export interface PromptTokens {
  /** Ids of a text, without special tokens. */
  tokenize(text: string): readonly number[]
  /** What the tokenizer puts before every text. */
  readonly opening: readonly number[]
  /** What begins a text where the tokenizer puts nothing before it; `undefined` when the model has no such token. */
  readonly bosId: number | undefined
  /** Where the model lies, for errors. */
  readonly path: string
}

/** The tokens a model reads, and where its answer begins among them. */
export interface FittedPrompt {
  readonly ids: readonly number[]
  /** Position of the answer's first token; its tokens go on to the end. */
  readonly answerAt: number
  readonly cut: { readonly key: number; readonly after: number }
}

/**
 * Tokenises a prompt with its answer as one text, as the model would read it. A token belongs to the answer when the text before the
 * answer alone does not have it at that place: so a token over the border, such as the space before a word, counts as the answer's. The
 * borders of the key are found alike. What is too long loses the key's last tokens, then the first ones of what stands between the key
 * and the answer.
 * @param index Position in the caller's list, for errors.
 * @throws PromptTooLongError, MissingTokenError
 */
export function fitPrompt({ before, key, after, answer }: Prompt, window: number, tokens: PromptTokens, index = 0): FittedPrompt {
  const whole = tokens.tokenize(before + key + after + answer)
  const answerAt = commonPrefix(tokens.tokenize(before + key + after), whole)

  const fit = (opening: readonly number[]): FittedPrompt => {
    const excess = Math.max(0, opening.length + whole.length - window)
    if (excess === 0) return { ids: [...opening, ...whole], answerAt: opening.length + answerAt, cut: { key: 0, after: 0 } }
    const keyAt = Math.min(answerAt, commonPrefix(tokens.tokenize(before), whole))
    const afterAt = Math.min(answerAt, Math.max(keyAt, commonPrefix(tokens.tokenize(before + key), whole)))
    const fromKey = Math.min(excess, afterAt - keyAt)
    const fromAfter = excess - fromKey
    if (fromAfter > answerAt - afterAt)
      throw new PromptTooLongError(index, opening.length + keyAt + whole.length - answerAt, window, answer)
    return {
      ids: [...opening, ...whole.slice(0, afterAt - fromKey), ...whole.slice(afterAt + fromAfter)],
      answerAt: opening.length + answerAt - excess,
      cut: { key: fromKey, after: fromAfter },
    }
  }
  const fitted = fit(tokens.opening)
  if (fitted.answerAt > 0 || fitted.ids.length === 0) return fitted
  // How likely the first token of all is, the model says of what stands before it.
  if (tokens.bosId !== undefined) return fit([tokens.bosId])
  throw new MissingTokenError(
    tokens.path,
    'bos_token',
    "nothing stands before the answer, and its first token's likelihood needs something that does. Give a prompt, or use a model that has one",
  )
}

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  let length = 0
  while (length < a.length && length < b.length && a[length] === b[length]) length++
  return length
}
