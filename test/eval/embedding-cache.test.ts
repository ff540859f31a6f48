import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { embeddingCache } from '../../src/eval/embedding-cache.ts'
import { toyEncoder } from '../engine-fixture.ts'

function cacheDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'embeddings-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A new process: nothing is remembered but what lies in the directory. */
function opened(directory: string, id = 'toy') {
  const original = toyEncoder(undefined, id)
  return { original, encoder: embeddingCache(directory).encoder(original) }
}

const files = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())

describe('embeddingCache', () => {
  it('embeds a text once, whatever else it comes with', async () => {
    const directory = cacheDirectory()
    const first = opened(directory)
    const made = await first.encoder.encode(['tar', 'fever dose'])

    const second = opened(directory)
    const found = await second.encoder.encode(['grep', 'fever dose', 'tar', 'tar'])

    expect(found).toEqual([...(await toyEncoder().encode(['grep'])), made[1], made[0], made[0]])
    expect(second.original.texts).toEqual(['grep'])
  })

  it('keeps encoders apart by their ids', async () => {
    const directory = cacheDirectory()
    await opened(directory, 'one').encoder.encode(['tar'])

    const other = opened(directory, 'an/other: id')
    await other.encoder.encode(['tar'])

    expect(other.original.texts).toEqual(['tar'])
  })

  it.each([
    ['cut short', (bytes: Buffer) => bytes.subarray(0, bytes.length - 3)],
    ['with a changed vector', (bytes: Buffer) => Buffer.concat([bytes.subarray(0, bytes.length - 4), Buffer.from([1, 2, 3, 4])])],
    ['with a changed hash', (bytes: Buffer) => Buffer.from(bytes.map((byte, i) => (i === 50 ? byte ^ 1 : byte)))],
    ['of another kind', () => Buffer.from('hello')],
    ['empty', () => Buffer.alloc(0)],
  ])('embeds again what lay in a file that is %s', async (_, damage) => {
    const directory = cacheDirectory()
    const made = await opened(directory).encoder.encode(['tar', 'grep a file'])
    const [file] = files(directory)
    writeFileSync(file!, damage(readFileSync(file!)))

    const second = opened(directory)
    const again = await second.encoder.encode(['grep a file', 'tar'])
    const third = opened(directory)
    await third.encoder.encode(['tar', 'grep a file'])

    expect(again).toEqual([made[1], made[0]])
    expect(second.original.texts.length).toBeGreaterThan(0)
    expect(third.original.texts).toEqual([])
  })

  it('goes on without a directory that can be written', async () => {
    const directory = cacheDirectory()
    writeFileSync(join(directory, 'file'), '')

    const { encoder, original } = opened(join(directory, 'file'))

    expect(await encoder.encode(['tar'])).toEqual(await toyEncoder().encode(['tar']))
    expect(original.texts).toEqual(['tar'])
  })

  it('leaves no half-written file, and passes an abortion on', async () => {
    const directory = cacheDirectory()
    const { encoder } = opened(directory)
    await encoder.encode(['tar'])

    await expect(encoder.encode(['grep'], { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')

    expect(files(directory).every((name) => name.endsWith('.vectors'))).toBe(true)
  })
})
