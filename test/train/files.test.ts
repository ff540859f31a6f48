import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadStaticModel } from '../../src/encoder/static-model.ts'
import { adapterWeights, tableWeights } from '../../src/expert/stored-weights.ts'
import { readSafetensors } from '../../src/safetensors.ts'
import { adapterFile, baseFiles, tableFile, tokenizeWith, trainWordPiece } from '../../src/train/index.ts'
import { random } from '../../src/train/random.ts'

const dimensions = 8
const generator = random(5)
const tokenizer = trainWordPiece(
  Array.from({ length: 6 }, () => 'small words make a small vocabulary'),
  { size: 60 },
)
const table = Float32Array.from({ length: Object.keys(tokenizer.model.vocab).length * dimensions }, () => generator.normal())
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pilotfish-base-'))
  for (const [name, bytes] of baseFiles({ tokenizer, table, dimensions })) await writeFile(join(directory, name), bytes)
})
afterAll(() => rm(directory, { recursive: true }))

describe('the files of a base', () => {
  it('are a static model with the same tokens and, to 8 bits, the same table', async () => {
    const model = await loadStaticModel(directory)

    expect([...model.tokenize('Small vocabularies')]).toEqual(tokenizeWith(tokenizer)('Small vocabularies'))
    expect(model.dimensions).toBe(dimensions)
    model.table.forEach((value, i) => expect(Math.abs(value - table[i]!)).toBeLessThan(0.02))
  })
})

describe('the file of an expert', () => {
  it.each([
    [8, 0.02],
    [4, 0.3],
  ] as const)('holds a table at %i bits that a pack reads back', (bits, tolerance) => {
    const changes = { rows: Uint32Array.of(1, 4, 9), deltas: table.slice(0, 3 * dimensions) }

    const { tensors } = readSafetensors(tableFile(changes, dimensions, bits), 'table.safetensors')
    const back = tableWeights(tensors, dimensions, 60, 'table.safetensors')

    expect(back.rows).toEqual(changes.rows)
    back.deltas.forEach((value, i) => expect(Math.abs(value - changes.deltas[i]!)).toBeLessThan(tolerance))
  })

  it('holds an adapter that a pack reads back', () => {
    const adapter = { rank: 2, down: table.slice(0, 2 * dimensions), up: table.slice(16, 16 + 2 * dimensions) }

    const back = adapterWeights(readSafetensors(adapterFile(adapter), 'adapter.safetensors').tensors, dimensions, 'adapter.safetensors')

    expect(back).toEqual(adapter)
  })
})
