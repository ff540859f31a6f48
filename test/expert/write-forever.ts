/** Writes new versions of the pack at argv[2], a megabyte each, until it is killed. Says when it has written the first. */
import { openPack } from '../../src/expert/pack.ts'
import { versionedPath, writePack } from '../../src/expert/write-pack.ts'

const directory = process.argv[2]!
for (;;) {
  const pack = await openPack(directory)
  const old = Object.keys(pack.manifest.files ?? {}).filter((path) => path.startsWith('new-'))
  const version = String(Number(pack.manifest.version) + 1)
  const content = Buffer.alloc(2 ** 20, version)
  const { files: _, ...manifest } = pack.manifest
  await writePack(pack, directory, {
    manifest: { ...manifest, version },
    files: new Map([[versionedPath('new.bin', content), content]]),
    dropped: old,
  })
  process.stdout.write(`${version}\n`)
}
