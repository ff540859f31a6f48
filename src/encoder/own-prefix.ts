import type { Encoder } from './encoder.ts'

/** How encoders that put a prefix before every text themselves make one with a further prefix. */
const makers = new WeakMap<Encoder, (prefix: string) => Encoder>()

/** Says that an encoder can do better than to read a longer text. */
export function rememberPrefixing(encoder: Encoder, prefixed: (prefix: string) => Encoder): Encoder {
  makers.set(encoder, prefixed)
  return encoder
}

/** The same encoder with a text before every other; `undefined` where nothing better is known than to write it there. */
export function ownPrefix(encoder: Encoder, prefix: string): Encoder | undefined {
  return makers.get(encoder)?.(prefix)
}
