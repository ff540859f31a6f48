import { createHash } from 'node:crypto'

/** A short stable name for everything that changes a vector: `static-3fa9c1d20b7e5a64`. Settings are compared as JSON. */
export function fingerprint(prefix: string, ...parts: readonly (Uint8Array | object | string)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) {
    const bytes = part instanceof Uint8Array ? part : Buffer.from(JSON.stringify(part))
    // Lengths keep two different splits of the same bytes apart.
    hash.update(`${bytes.length}:`).update(bytes)
  }
  return `${prefix}-${hash.digest('hex').slice(0, 16)}`
}
