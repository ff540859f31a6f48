import { readFileSync, writeFileSync } from 'node:fs'
import type { SavedPostings } from '../lexical/postings.ts'

/** Writes postings as their arrays, one after another; the detail says where each begins. */
export function writePostings(path: string, saved: SavedPostings): Buffer {
  const parts = [Buffer.from(JSON.stringify(saved.terms)), ...arrays.map((name) => bytesOf(saved[name]))]
  writeFileSync(path, Buffer.concat(parts))
  return Buffer.from(JSON.stringify(parts.map(({ length }) => length)))
}

/** Reads what `writePostings` wrote; the caller has verified that the file is that very one. */
export function readPostings(path: string, detail: Buffer): SavedPostings {
  const lengths = JSON.parse(detail.toString()) as number[]
  const bytes = readFileSync(path)
  let start = 0
  // Each part is copied to a buffer of its own, as typed arrays want addresses that are multiples of four.
  const [terms, ...rest] = lengths.map((length) => new Uint8Array(bytes.subarray(start, (start += length))))
  const [starts, ordinals, frequencies, rows, documentLengths] = rest.map(({ buffer }) => buffer)
  return {
    terms: JSON.parse(Buffer.from(terms!).toString()) as string[],
    starts: new Uint32Array(starts!),
    ordinals: new Uint32Array(ordinals!),
    frequencies: new Float32Array(frequencies!),
    rows: new Int32Array(rows!),
    lengths: new Float32Array(documentLengths!),
  }
}

const arrays = ['starts', 'ordinals', 'frequencies', 'rows', 'lengths'] as const

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)
}
