import { versionedPath, writePack } from '../expert/write-pack.ts'
import type { LoadedPack } from '../load-pack.ts'
import { saveRouter } from '../routing/saved-router.ts'
import { writeSafetensors } from '../safetensors.ts'

/** Writes the pack as it would be without an expert, whom its router forgets as well. */
export async function writePackWithout({ pack, router }: LoadedPack, expert: string, directory: string): Promise<void> {
  const { manifest } = pack
  const saved = saveRouter(router.without(expert))
  const file = writeSafetensors(saved.tensors)
  const path = versionedPath('pilots.safetensors', file)
  const { files: _files, ...rest } = manifest
  const gone = manifest.experts.find(({ name }) => name === expert)
  await writePack(pack, directory, {
    manifest: {
      ...rest,
      experts: manifest.experts.filter(({ name }) => name !== expert),
      router: saved.manifest,
      pilots: path,
    },
    files: new Map([[path, file]]),
    dropped: [manifest.pilots ?? 'pilots.safetensors', ...(gone?.path === undefined ? [] : [gone.path])],
  })
}
