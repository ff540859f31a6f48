import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { bytesOf, readSafetensors, toFloat32, writeSafetensors } from '../../safetensors.ts'
import type { ExpertCheckpoint } from './checkpoint.ts'

/** Writes a checkpoint as a safetensors file: whole or not at all, and the one before it stays until then. */
export async function writeCheckpoint(path: string, { arrays, ...facts }: ExpertCheckpoint): Promise<void> {
  const tensors = Object.entries(arrays).map(([name, values]) => {
    // A copy: what learning goes on changing may be shared with its worker.
    const data = bytesOf(Float32Array.from(values))
    return [name, { dtype: 'F32' as const, shape: [values.length], data }] as const
  })
  const bytes = writeSafetensors(new Map(tensors), { checkpoint: JSON.stringify(facts) })
  await mkdir(dirname(path), { recursive: true })
  const part = `${path}.part-${process.pid}`
  try {
    const file = await open(part, 'w')
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(part, path)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}

/** The checkpoint of a file; `undefined` where there is none, or none that can be read: training then starts anew. */
export async function readCheckpoint(path: string): Promise<ExpertCheckpoint | undefined> {
  try {
    const { tensors, metadata } = readSafetensors(await readFile(path), path)
    const facts = JSON.parse(metadata.checkpoint!) as Omit<ExpertCheckpoint, 'arrays'>
    return { ...facts, arrays: Object.fromEntries([...tensors].map(([name, tensor]) => [name, toFloat32(tensor, path)])) }
  } catch {
    return undefined
  }
}
