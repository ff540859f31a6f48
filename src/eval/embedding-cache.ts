import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Encoder, EncodeOptions } from '../encoder/encoder.ts'
import type { Vector } from '../vector.ts'

/**
 * Keeps what encoders make of texts in a directory, by the encoder's id and the text's hash: a text is embedded once, whatever
 * evaluation comes by. Files appear whole; damaged ones are thrown away and their texts embedded again. What cannot be written is not
 * kept. Nothing is ever removed: delete the directory when it has grown too large.
 */
export function embeddingCache(directory: string) {
  const wrapped = new Map<string, Encoder>()
  return {
    /** The same encoder, which remembers. Its `close` is the original's. */
    encoder(original: Encoder): Encoder {
      const known = wrapped.get(original.id) ?? cachedEncoder(original, join(directory, folderOf(original.id)))
      wrapped.set(original.id, known)
      return known
    },
  }
}

function cachedEncoder(original: Encoder, directory: string): Encoder {
  const { id, dimensions } = original
  let library: Promise<VectorFiles> | undefined

  const encode = async (texts: readonly string[], options: EncodeOptions = {}): Promise<Vector[]> => {
    options.signal?.throwIfAborted()
    const files = await (library ??= vectorFiles(directory, dimensions))
    const hashes = texts.map(hashOf)
    const vectors = await Promise.all(hashes.map((hash) => files.vector(hash)))
    const missing = [...texts.keys()].filter((i) => vectors[i] === undefined)
    if (missing.length === 0) return vectors as Vector[]
    const { onTruncated } = options
    const made = await original.encode(
      missing.map((i) => texts[i]!),
      { ...options, ...(onTruncated && { onTruncated: (one) => onTruncated({ ...one, index: missing[one.index]! }) }) },
    )
    missing.forEach((i, n) => (vectors[i] = made[n]!))
    await files.add(
      missing.map((i) => hashes[i]!),
      made,
    )
    return vectors as Vector[]
  }
  return { id, dimensions, encode, close: () => original.close() }
}

interface VectorFiles {
  vector(hash: string): Promise<Vector | undefined>
  add(hashes: readonly string[], vectors: readonly Vector[]): Promise<void>
}

const magic = 'PFEMBED1'
const hashBytes = 16
/** Magic, dimensions, count, and the checksum of all that follows. */
const headerBytes = 8 + 4 + 4 + 32
/** Files whose vectors are held: texts come back in about the order they came in. */
const held = 8

async function vectorFiles(directory: string, dimensions: number): Promise<VectorFiles> {
  const places = new Map<string, { readonly file: string; readonly row: number }>()
  for (const name of await readdir(directory).catch(() => [])) {
    if (!name.endsWith('.vectors')) continue
    const file = join(directory, name)
    const hashes = await readHashes(file, dimensions)
    if (hashes) hashes.forEach((hash, row) => places.set(hash, { file, row }))
    else await rm(file, { force: true })
  }
  const loaded = new Map<string, Promise<Float32Array | undefined>>()

  const load = (file: string): Promise<Float32Array | undefined> => {
    const known = loaded.get(file)
    if (known) return known
    const values = readVectors(file, dimensions).then(async (found) => {
      if (found) return found
      for (const [hash, place] of places) if (place.file === file) places.delete(hash)
      await rm(file, { force: true })
      return undefined
    })
    loaded.set(file, values)
    if (loaded.size > held) loaded.delete(loaded.keys().next().value!)
    return values
  }

  return {
    async vector(hash) {
      const place = places.get(hash)
      const values = place && (await load(place.file))
      return values?.slice(place!.row * dimensions, (place!.row + 1) * dimensions)
    },

    async add(hashes, vectors) {
      const file = join(directory, `${randomUUID()}.vectors`)
      const temporary = `${file}.partial`
      try {
        await mkdir(directory, { recursive: true })
        await writeFile(temporary, packed(hashes, vectors, dimensions))
        await rename(temporary, file)
        hashes.forEach((hash, row) => places.set(hash, { file, row }))
      } catch {
        // A full or read-only disk costs time and nothing else.
        await rm(temporary, { force: true }).catch(() => {})
      }
    },
  }
}

function packed(hashes: readonly string[], vectors: readonly Vector[], dimensions: number): Buffer {
  const values = new Float32Array(vectors.length * dimensions)
  vectors.forEach((vector, i) => values.set(vector, i * dimensions))
  const body = Buffer.concat([...hashes.map((hash) => Buffer.from(hash, 'hex')), Buffer.from(values.buffer)])
  const header = Buffer.alloc(headerBytes)
  header.write(magic, 0, 'latin1')
  header.writeUInt32LE(dimensions, 8)
  header.writeUInt32LE(vectors.length, 12)
  checksum(body).copy(header, 16)
  return Buffer.concat([header, body])
}

/** The hashes alone: vectors are read when they are asked for. `undefined` for a file that is damaged or not of this kind. */
async function readHashes(path: string, dimensions: number): Promise<string[] | undefined> {
  const file = await open(path).catch(() => undefined)
  try {
    const header = Buffer.alloc(headerBytes)
    const { bytesRead } = (await file?.read(header, 0, headerBytes, 0)) ?? { bytesRead: 0 }
    const count = bytesRead === headerBytes ? countIn(header, dimensions) : undefined
    const size = (await file?.stat())?.size
    if (!file || count === undefined || size !== headerBytes + count * (hashBytes + 4 * dimensions)) return undefined
    const bytes = Buffer.alloc(count * hashBytes)
    await file.read(bytes, 0, bytes.length, headerBytes)
    return Array.from({ length: count }, (_, i) => bytes.toString('hex', i * hashBytes, (i + 1) * hashBytes))
  } catch {
    return undefined
  } finally {
    await file?.close()
  }
}

async function readVectors(path: string, dimensions: number): Promise<Float32Array | undefined> {
  const bytes = await readFile(path).catch(() => undefined)
  const count = bytes && countIn(bytes, dimensions)
  if (!bytes || count === undefined || !checksum(bytes.subarray(headerBytes)).equals(bytes.subarray(16, headerBytes))) return undefined
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset + headerBytes + count * hashBytes, bytes.byteOffset + bytes.length))
}

function countIn(header: Buffer, dimensions: number): number | undefined {
  const right = header.toString('latin1', 0, 8) === magic && header.readUInt32LE(8) === dimensions
  return right ? header.readUInt32LE(12) : undefined
}

function checksum(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

function hashOf(text: string): string {
  return createHash('sha256')
    .update(text)
    .digest('hex')
    .slice(0, 2 * hashBytes)
}

function folderOf(id: string): string {
  return /^[\w.-]{1,80}$/.test(id) ? id : createHash('sha256').update(id).digest('hex').slice(0, 32)
}
