import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bytesOf, readSafetensors, toFloat32, writeSafetensors, type Tensor } from '../../src/safetensors.ts'
import type { BaseCheckpoint, TokenizerJson } from '../../src/train/index.ts'

/** Keeps a base in training on disk, so that a run that was cut off goes on where it was. */
export function baseCheckpoints(directory: string, fingerprint: string) {
  const path = join(directory, 'base.safetensors')
  return {
    /** The last one written under the same settings. */
    load(): BaseCheckpoint | undefined {
      if (!existsSync(path)) return undefined
      const { tensors, metadata } = readSafetensors(readFileSync(path), path)
      if (metadata.fingerprint !== fingerprint) return undefined
      const values = (name: string): Float32Array => toFloat32(tensors.get(name)!, path)
      return {
        tokenizer: JSON.parse(readFileSync(join(directory, 'tokenizer.json'), 'utf8')) as TokenizerJson,
        dimensions: tensors.get('table')!.shape[1]!,
        step: Number(metadata.step),
        table: values('table'),
        adam: { mean: values('mean'), square: values('square') },
        neighbours: [...tensors.keys()]
          .filter((name) => name.startsWith('neighbours.'))
          .map((name) => new Int32Array(new Uint8Array(tensors.get(name)!.data).buffer)),
      }
    },
    save({ tokenizer, dimensions, step, table, adam, neighbours }: BaseCheckpoint): void {
      const tensor = (values: Float32Array): Tensor => ({
        dtype: 'F32',
        shape: [values.length / dimensions, dimensions],
        data: bytesOf(values),
      })
      mkdirSync(directory, { recursive: true })
      writeFileSync(join(directory, 'tokenizer.json'), JSON.stringify(tokenizer))
      const tensors = new Map<string, Tensor>([
        ['table', tensor(table)],
        ['mean', tensor(adam.mean)],
        ['square', tensor(adam.square)],
        ...neighbours.map((found, task): [string, Tensor] => [
          `neighbours.${task}`,
          { dtype: 'I32', shape: [found.length], data: bytesOf(found) },
        ]),
      ])
      writeFileSync(`${path}.part`, writeSafetensors(tensors, { fingerprint, step: String(step) }))
      renameSync(`${path}.part`, path)
    },
  }
}
