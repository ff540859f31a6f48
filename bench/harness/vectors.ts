import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundledPack, onnxEncoder, staticEncoder, type Encoder } from 'pilotfish'
import { randomEncoder } from './encoder.ts'

const cache = fileURLToPath(new URL('../../.cache/bench/vectors/', import.meta.url))
const pieceSize = 5_000

/** Vectors of texts in files, so that every process reads the same ones. */
export interface VectorFiles {
  readonly dimensions: number
  readonly count: number
  /** Little-endian float32, vector after vector; all files but the last hold the same number. */
  readonly files: readonly string[]
}

/** What makes the vectors of a search benchmark. */
export interface VectorMaker {
  readonly name: string
  open(): Promise<Encoder>
}

/** Trained: what Pilotfish's users search by default. */
export const bundledBase: VectorMaker = {
  name: "the bundled pack's base",
  open: () => staticEncoder(join(bundledPack(), 'base')),
}

/** Untrained, of the benchmarks' shape; it reads the first 64 tokens, in int8, as only its vectors' number and width matter. */
export const randomMiniLm: VectorMaker = {
  name: 'the random-weight MiniLM-L6, int8, first 64 tokens',
  open: () => onnxEncoder(randomEncoder('minilm-l6'), { dtype: 'int8', maxTokens: 64 }),
}

/** An ONNX model of one's own, by its directory. */
export function modelAt(directory: string): VectorMaker {
  return { name: directory, open: () => onnxEncoder(directory) }
}

/** Embeds texts once and keeps the vectors under `.cache/bench`; what was cut off goes on where it stopped. */
export async function vectorsOf(texts: readonly string[], maker: VectorMaker): Promise<VectorFiles> {
  mkdirSync(cache, { recursive: true })
  const encoder = await maker.open()
  const files: string[] = []
  for (let at = 0; at < texts.length; at += pieceSize) {
    const piece = texts.slice(at, at + pieceSize)
    const key = createHash('sha256')
      .update(JSON.stringify([encoder.id, piece]))
      .digest('hex')
      .slice(0, 24)
    const file = join(cache, `${key}.f32`)
    files.push(file)
    if (existsSync(file)) continue
    const vectors = await encoder.encode(piece)
    const values = new Float32Array(piece.length * encoder.dimensions)
    for (const [i, vector] of vectors.entries()) values.set(vector, i * encoder.dimensions)
    writeFileSync(`${file}.${process.pid}`, Buffer.from(values.buffer))
    renameSync(`${file}.${process.pid}`, file)
  }
  await encoder.close()
  return { dimensions: encoder.dimensions, count: texts.length, files }
}

/** Reads what `vectorsOf` has written. */
export function readVectors({ dimensions, files }: VectorFiles): Float32Array[] {
  return files.flatMap((file) => {
    const bytes = readFileSync(file)
    const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
    return Array.from({ length: values.length / dimensions }, (_, i) => values.subarray(i * dimensions, (i + 1) * dimensions))
  })
}
