import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { openPack, type PackManifest } from '../../src/expert/pack.ts'
import { versionedPath, writePack, type PackChange } from '../../src/expert/write-pack.ts'
import { folder } from '../cli/folder.ts'

const manifest: Omit<PackManifest, 'files'> = {
  format: 1,
  name: 'small',
  version: '1',
  languages: ['en'],
  base: { path: 'base', kind: 'static' },
  experts: [],
}

/** A pack of three files, made by hand: its manifest lists no checksums. */
function handMade(): string {
  return folder({ 'pack.json': JSON.stringify(manifest), 'base/model': 'base', 'old.bin': 'old', 'notes.md': 'read me' })
}

const change = (content: string): PackChange => {
  const bytes = Buffer.from(content)
  return { manifest: { ...manifest, version: content }, files: new Map([[versionedPath('new.bin', bytes), bytes]]), dropped: ['old.bin'] }
}

function filesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort()
}

describe('a pack that is written', () => {
  it('elsewhere is a whole one with the checksums of its files, and the old one stays as it is', async () => {
    const old = handMade()
    const out = join(folder(), 'deep', 'pack')

    await writePack(await openPack(old), out, change('second'))

    const { manifest: written } = await openPack(out)
    expect(written.version).toBe('second')
    expect(Object.keys(written.files!)).toEqual(['base/model', expect.stringMatching(/^new-[0-9a-f]{8}\.bin$/), 'notes.md'])
    expect(filesOf(out)).toEqual([...Object.keys(written.files!), 'pack.json'].sort())
    expect(filesOf(old)).toEqual(['base/model', 'notes.md', 'old.bin', 'pack.json'])
    expect(readdirSync(join(out, '..'))).toEqual(['pack'])
  })

  it('elsewhere is not written of files that changed since it was opened', async () => {
    const first = join(folder(), 'first')
    const second = join(folder(), 'second')
    await writePack(await openPack(handMade()), first, change('first'))
    const opened = await openPack(first)
    writeFileSync(join(first, 'base/model'), 'another base')

    await expect(writePack(opened, second, change('second'))).rejects.toThrow(/changed base\/model .* do it again/)
    expect(readdirSync(join(second, '..'))).toEqual([])
  })

  it('in place keeps what it does not drop, and leaves nothing behind', async () => {
    const directory = handMade()

    await writePack(await openPack(directory), directory, change('second'))
    await writePack(await openPack(directory), directory, { ...change('third'), dropped: [...change('second').files.keys()] })

    const { manifest: written } = await openPack(directory)
    expect(written.version).toBe('third')
    expect(filesOf(directory)).toEqual(['base/model', ...change('third').files.keys(), 'notes.md', 'pack.json'])
  })

  it('does not undo what somebody else has changed meanwhile', async () => {
    const directory = handMade()
    const [mine, theirs] = [await openPack(directory), await openPack(directory)]
    await writePack(theirs, directory, change('theirs'))

    await expect(writePack(mine, directory, { ...change('mine'), dropped: [] })).rejects.toMatchObject({ code: 'PACK_NOT_WRITTEN' })

    expect((await openPack(directory)).manifest.version).toBe('theirs')
    expect(filesOf(directory)).toEqual(['base/model', ...change('theirs').files.keys(), 'notes.md', 'pack.json'])
  })

  it('says so when the disk refuses', async () => {
    const pack = await openPack(handMade())
    const blocked = folder({ file: 'not a directory' })

    await expect(writePack(pack, join(blocked, 'file', 'pack'), change('x'))).rejects.toMatchObject({ code: 'PACK_NOT_WRITTEN' })
    await expect(writePack(pack, blocked, change('x'))).rejects.toMatchObject({ code: 'PACK_NOT_WRITTEN' })
    expect(filesOf(blocked)).toEqual(['file'])
  })

  it('is whole whenever the process is killed', async () => {
    const directory = handMade()
    await writePack(await openPack(directory), directory, change('0'))
    const versions = new Set<string>()
    for (let round = 0; round < 4; round++) {
      const child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('write-forever.ts', import.meta.url)), directory], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await new Promise((resolve) => child.stdout.once('data', resolve))
      await new Promise((resolve) => setTimeout(resolve, 7 * round + 3))
      child.kill('SIGKILL')
      await new Promise((resolve) => child.once('close', resolve))

      const { manifest: written } = await openPack(directory)
      versions.add(written.version)
      expect(
        readFileSync(
          join(
            directory,
            Object.keys(written.files!).find((path) => path.startsWith('new-'))!,
          ),
          'utf8',
        ),
      ).toHaveLength(2 ** 20)
    }
    expect(versions.size).toBeGreaterThan(1)
  }, 30_000)

  it('is refused by its reader when a file was changed by hand', async () => {
    const directory = handMade()
    await writePack(await openPack(directory), directory, change('second'))

    writeFileSync(join(directory, 'notes.md'), 'read me not')

    await expect(openPack(directory)).rejects.toThrow(/changed or damaged file notes\.md/)
  })
})
