import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { PackExpert, PackManifest } from '../../src/expert/pack.ts'
import { bundledPack, loadPack } from '../../src/load-pack.ts'

/** The bundled pack with some entries changed. */
function changedPack(changes: Readonly<Record<string, Partial<Record<keyof PackExpert, unknown>>>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'pack-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  cpSync(bundledPack(), directory, { recursive: true })
  const manifest = JSON.parse(readFileSync(join(directory, 'pack.json'), 'utf8')) as PackManifest
  const experts = manifest.experts.map((expert) => ({ ...expert, ...changes[expert.name] }))
  writeFileSync(join(directory, 'pack.json'), JSON.stringify({ ...manifest, experts }))
  return directory
}

describe('a pack with a multi-task expert', () => {
  it('has it at hand and never routes to it', async () => {
    const pack = await loadPack(changedPack({ shell: { multiTask: true } }))

    expect(pack.experts.map(({ name }) => name)).toContain('shell')
    expect(pack.router.experts).not.toContain('shell')
    expect(pack.router.experts).toContain('medical')
    await pack.close()
  })

  it.each([
    [{ shell: { multiTask: 'yes' } }, /neither true nor false of "multiTask" for the expert "shell"/],
    [{ shell: { multiTask: true }, code: { multiTask: true } }, /several multi-task experts: shell, code/],
    [{ shell: { multiTask: true, kind: 'lexical' } }, /calls the lexical expert "shell" trained on all questions/],
  ])('is refused with %j', async (changes, problem) => {
    await expect(loadPack(changedPack(changes))).rejects.toThrow(problem)
  })
})
