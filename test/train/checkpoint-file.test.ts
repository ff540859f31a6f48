import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readCheckpoint, writeCheckpoint } from '../../src/train/expert/checkpoint-file.ts'
import type { ExpertCheckpoint } from '../../src/train/expert/checkpoint.ts'

const directory = mkdtempSync(join(tmpdir(), 'pilotfish-checkpoint-'))
afterAll(() => rmSync(directory, { recursive: true }))

const checkpoint: ExpertCheckpoint = {
  fingerprint: 'abc',
  step: 7,
  runs: [[{ step: 0, score: 0.1 }]],
  run: { step: 3, looks: [{ step: 0, score: 1 / 3 }] },
  arrays: { parameters: Float32Array.of(0.1, -2, 3e-20), 'best parameters': new Float32Array(new SharedArrayBuffer(8)) },
}

describe('a checkpoint file', () => {
  it('gives back what was written, bit for bit', async () => {
    const path = join(directory, 'deep', 'a.safetensors')
    await writeCheckpoint(path, checkpoint)
    expect(await readCheckpoint(path)).toEqual({
      ...checkpoint,
      arrays: { ...checkpoint.arrays, 'best parameters': Float32Array.of(0, 0) },
    })
    expect(readdirSync(join(directory, 'deep'))).toEqual(['a.safetensors'])
  })

  it('is nothing where there is none, or where it is damaged', async () => {
    expect(await readCheckpoint(join(directory, 'none'))).toBeUndefined()
    writeFileSync(join(directory, 'bad'), 'half a file')
    expect(await readCheckpoint(join(directory, 'bad'))).toBeUndefined()
  })
})
