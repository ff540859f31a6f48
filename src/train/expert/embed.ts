import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Encoder } from '../../encoder/encoder.ts'
import { poolTokens } from '../pooling.ts'
import type { StaticBase } from './table.ts'

export interface EmbedOptions {
  readonly signal: AbortSignal | undefined
  /** Called now and then with the number of texts embedded since the last call. */
  readonly onTexts: (texts: number) => void
  /** Receives each text's tokens. */
  readonly onTokens?: (tokens: ArrayLike<number>) => void
}

/** Texts between two turns of an encoder. */
const batch = 256

/** Writes the unit vectors of texts under a base, one after another. */
export async function embed(
  base: StaticBase | Encoder,
  texts: readonly string[],
  vectors: Float32Array,
  { signal, onTexts, onTokens }: EmbedOptions,
): Promise<void> {
  const { dimensions } = base
  if ('encode' in base) {
    for (let from = 0; from < texts.length; from += batch) {
      const part = await base.encode(texts.slice(from, from + batch), signal && { signal })
      part.forEach((vector, i) => vectors.set(vector, (from + i) * dimensions))
      onTexts(part.length)
    }
    return
  }
  let [turn, told] = [performance.now(), 0]
  for (const [i, text] of texts.entries()) {
    const tokens = base.tokenize(text)
    onTokens?.(tokens)
    poolTokens(base.table, dimensions, tokens, 0, tokens.length, vectors, i * dimensions)
    if (performance.now() - turn < 20) continue
    onTexts(i + 1 - told)
    told = i + 1
    await nextTurn()
    signal?.throwIfAborted()
    turn = performance.now()
  }
  onTexts(texts.length - told)
}
