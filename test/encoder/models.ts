import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { sharedModels } from './model-paths.ts'

export { tinyBert, tinyStatic } from './model-paths.ts'

/** Words that are one token each in both tiny models. */
export const tinyWords = [
  'archive',
  'bank',
  'child',
  'code',
  'command',
  'dose',
  'fever',
  'file',
  'ibuprofen',
  'list',
  'loan',
  'process',
  'tar',
  'unpack',
]

/** Real models that are too large for the repository lie beside it; tests that need them say so when they skip. */
export function sharedModel(name: string): { readonly directory: string; readonly missing: boolean; readonly note: string } {
  const directory = join(sharedModels, name)
  const missing = !existsSync(directory)
  return { directory, missing, note: missing ? ` (skipped: ../shared/models/${name} is not there)` : '' }
}

/** A directory that is gone after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'pilotfish-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A copy of a model with some files replaced: objects as JSON, `null` to remove. */
export function modelWith(model: string, changes: Readonly<Record<string, object | Uint8Array | string | null>>): string {
  const directory = temporaryDirectory()
  cpSync(model, directory, { recursive: true })
  for (const [name, content] of Object.entries(changes)) {
    if (content === null) rmSync(join(directory, name))
    else
      writeFileSync(join(directory, name), typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content))
  }
  return directory
}
