import { ClosedError, InvalidArgumentError } from '../errors.ts'
import type { Encoder } from './encoder.ts'
import { fingerprint } from './fingerprint.ts'
import { ownPrefix } from './own-prefix.ts'
import { requireTexts } from './texts.ts'

/**
 * An encoder that reads an instruction before every text, as models are trained to that serve several tasks. Over a static encoder a text
 * that says nothing still gives zeros. An empty instruction changes nothing, the id included. Closing it leaves the base open: others share it.
 * @throws InvalidArgumentError for what is no text, or takes all that a static encoder reads
 */
export function instructionEncoder(base: Encoder, instruction: string): Encoder {
  if (typeof instruction !== 'string') throw new InvalidArgumentError('instruction', `is of type ${typeof instruction}, not a string`)
  const own = instruction === '' ? base : ownPrefix(base, instruction)
  let closed = false
  return {
    id: instruction === '' ? base.id : fingerprint('instruction', base.id, instruction),
    dimensions: base.dimensions,
    async encode(texts, options) {
      if (closed) throw new ClosedError('The instruction encoder')
      requireTexts(texts)
      if (!own) {
        const instructed = texts.map((text) => instruction + text)
        return base.encode(instructed, options)
      }
      // Refused once the base is closed, as it is where the base does the reading.
      await base.encode([], options)
      return own.encode(texts, options)
    },
    async close() {
      closed = true
    },
  }
}
