import { ClosedError, InvalidArgumentError } from '../errors.ts'
import type { EncodeOptions, Encoder } from './encoder.ts'
import { fingerprint } from './fingerprint.ts'
import { ownPrefix } from './own-prefix.ts'
import { requireTexts } from './texts.ts'

/**
 * An encoder that reads an instruction before every text, as models are trained to that serve several tasks. Over a static encoder a text
 * that says nothing still gives zeros. An empty instruction changes nothing, the id included. Closing it leaves the base open: others share it.
 * An instruction that leaves no room for a text is refused: by a static encoder at once, by others when they first cut a text.
 * @throws InvalidArgumentError
 */
export function instructionEncoder(base: Encoder, instruction: string): Encoder {
  if (typeof instruction !== 'string') throw new InvalidArgumentError('instruction', `is of type ${typeof instruction}, not a string`)
  const own = instruction === '' ? base : ownPrefix(base, instruction)
  let closed = false
  let fits = false

  const encodeBefore = async (texts: readonly string[], options: EncodeOptions = {}) => {
    let cut = false
    const onTruncated: EncodeOptions['onTruncated'] = (truncation) => {
      cut = true
      options.onTruncated?.(truncation)
    }
    const instructed = texts.map((text) => instruction + text)
    const vectors = await base.encode(instructed, { ...options, onTruncated })
    if (cut && !fits) await checkRoom(base, instruction, options.signal)
    fits ||= cut
    return vectors
  }

  return {
    id: instruction === '' ? base.id : fingerprint('instruction', base.id, instruction),
    dimensions: base.dimensions,
    async encode(texts, options) {
      if (closed) throw new ClosedError('The instruction encoder')
      requireTexts(texts)
      if (!own) return encodeBefore(texts, options)
      // Refused once the base is closed, as it is where the base does the reading.
      await base.encode([], options)
      return own.encode(texts, options)
    },
    async close() {
      closed = true
    },
  }
}

/** Where not even a letter has room, all texts would have the vector of the instruction. */
async function checkRoom(base: Encoder, instruction: string, signal: AbortSignal | undefined): Promise<void> {
  let limit: number | undefined
  await base.encode([`${instruction} a`], { ...(signal && { signal }), onTruncated: (truncation) => (limit = truncation.limit) })
  if (limit !== undefined) throw new InvalidArgumentError('instruction', `takes all of the ${limit} tokens that are read of a text`)
}
