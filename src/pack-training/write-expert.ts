import { basename } from 'node:path'
import type { Pack, PackExpert, PackManifest } from '../expert/pack.ts'
import { versionedPath, writePack, type PackContent } from '../expert/write-pack.ts'
import type { Calibration } from '../routing/calibration.ts'
import { saveRouter } from '../routing/saved-router.ts'
import { writeSafetensors } from '../safetensors.ts'
import type { PackTarget } from './target.ts'
import type { ExpertFigures } from './figures.ts'
import type { SettledNewcomer } from './newcomer.ts'

/** Changes to the experts of a pack. */
export interface ExpertChange {
  /** Comes last. @default none */
  readonly entry?: PackExpert
  /** Its files, by their paths in the pack. @default none */
  readonly files?: ReadonlyMap<string, PackContent>
  /** Expert that leaves, or whose place is taken. @default none */
  readonly old?: PackExpert | undefined
  /** Routing as it is from now on. @default as it was */
  readonly routing?: Partial<Pick<SettledNewcomer, 'router' | 'calibration'>>
}

/** Writes a pack with one expert more, less or changed: all of it or nothing. @throws PackNotWrittenError */
export async function writeExpert(pack: Pack, { source, out }: PackTarget, change: ExpertChange): Promise<void> {
  const { entry, old, routing: { router, calibration } = {} } = change
  const { files: _files, ...manifest } = pack.manifest
  const others = manifest.experts.filter((each) => each.name !== old?.name)
  const files = new Map(change.files)
  const dropped = dropsOf(old, entry ? [...others, entry] : others)
  let next: Omit<PackManifest, 'files'> = {
    ...manifest,
    name: out === source ? manifest.name : basename(out),
    experts: entry ? [...others, entry] : others,
    ...(calibration && { calibration }),
  }
  if (router) {
    const saved = saveRouter(router)
    const pilots = writeSafetensors(saved.tensors)
    const path = versionedPath('pilots.safetensors', pilots)
    files.set(path, pilots)
    next = { ...next, router: saved.manifest, pilots: path }
    dropped.push(manifest.pilots ?? 'pilots.safetensors')
  }
  await writePack(pack, out, { manifest: next, files, dropped })
}

/** nDCG@10 as a pack keeps it. */
export function keptFigures({ general, expert }: ExpertFigures): NonNullable<PackExpert['heldOut']> {
  const rounded = (value: number): number => Math.round(value * 10_000) / 10_000
  return { general: rounded(general['ndcg@10']), expert: rounded(expert['ndcg@10']) }
}

/** What a pack knows of routing, less what it knew of one expert. */
export function forgotten(
  name: string,
  { router, calibration }: { readonly router: SettledNewcomer['router']; readonly calibration: Calibration | undefined },
): Partial<Pick<SettledNewcomer, 'router' | 'calibration'>> {
  const { [name]: _own, ...experts } = calibration?.similarity.experts ?? {}
  return {
    ...(router.experts.includes(name) && { router: router.without(name) }),
    ...(calibration && { calibration: { ...calibration, similarity: { ...calibration.similarity, experts } } }),
  }
}

/** What only the old expert used: a file, or a directory. */
function dropsOf(old: PackExpert | undefined, left: readonly PackExpert[]): string[] {
  const path = old?.path
  if (path === undefined || left.some((other) => other.path === path || other.path?.startsWith(`${path}/`))) return []
  return [path]
}
