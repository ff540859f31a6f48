import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeEncoder } from '../../models/encoders/files.ts'
import type { PackExpert, PackManifest } from '../../src/expert/pack.ts'
import { folder } from '../cli/folder.ts'
import { tinyBert, tinyStatic } from '../encoder/model-paths.ts'

/** Adapters that PEFT's format was written to, for the base of `transformerPack`. */
export const peftFixture = (name: 'single' | 'half' | 'brain'): string =>
  fileURLToPath(new URL(`../fixtures/peft/${name}`, import.meta.url))

/** A pack made by hand with a BERT of two layers and 32 dimensions as its base. `files` are directories to copy into it. */
export function transformerPack(experts: readonly unknown[] = [], files: Readonly<Record<string, string>> = {}): string {
  const directory = join(folder(), 'pack')
  writeEncoder(join(directory, 'base'), 'bert-tiny', { seed: 5 })
  return finish(directory, 'onnx', experts, files)
}

/** A pack made by hand with a token table of 16 dimensions as its base. */
export function tablePack(experts: readonly unknown[] = [], files: Readonly<Record<string, string>> = {}): string {
  const directory = join(folder(), 'pack')
  cpSync(tinyStatic, join(directory, 'base'), { recursive: true })
  return finish(directory, 'static', experts, files)
}

function finish(directory: string, kind: 'static' | 'onnx', experts: readonly unknown[], files: Readonly<Record<string, string>>): string {
  for (const [path, from] of Object.entries(files)) cpSync(from, join(directory, path), { recursive: true })
  const manifest: PackManifest = {
    format: 1,
    name: 'own',
    version: '1',
    languages: ['en'],
    base: { path: 'base', kind },
    experts: experts as PackExpert[],
  }
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'pack.json'), JSON.stringify(manifest))
  return directory
}

/** A model expert of another tiny transformer, at `models/clinic`. */
export const clinic: PackExpert = { name: 'clinic', kind: 'model', path: 'models/clinic', model: { kind: 'onnx' } }
export const clinicFiles = { 'models/clinic': tinyBert }

export const law: PackExpert = { name: 'law', kind: 'lora', path: 'experts/law', description: 'Statutes' }
export const lawFiles = { 'experts/law': peftFixture('single') }
