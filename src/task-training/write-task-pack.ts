import { basename } from 'node:path'
import type { Pack } from '../expert/pack.ts'
import { versionedPath, writePack } from '../expert/write-pack.ts'
import type { PackedWeights } from '../pack-training/packed-weights.ts'
import type { FittedRouting } from '../routing/fitting/fit-routing.ts'
import { saveRouter } from '../routing/saved-router.ts'
import { writeSafetensors } from '../safetensors.ts'
import type { TaskComparison, TaskSystem } from './comparison.ts'

/** What goes into a pack of tasks. */
export interface TaskPack {
  /** One for each task. */
  readonly weights: readonly PackedWeights[]
  readonly routing: FittedRouting
  readonly comparison: TaskComparison
  readonly winner: 'routed' | 'multi-task'
}

/** Writes a pack of the base and of the tasks' experts alone, with a router that picks tasks. @throws PackNotWrittenError */
export async function writeTaskPack(source: Pack, out: string, { weights, routing, comparison, winner }: TaskPack): Promise<void> {
  const { files: _files, experts, pilots: oldPilots = 'pilots.safetensors', calibration: _old, ...manifest } = source.manifest
  const { manifest: router, tensors } = saveRouter(routing.router)
  const pilots = writeSafetensors(tensors)
  const path = versionedPath('pilots.safetensors', pilots)
  const rounded = (value: number): number => Math.round(value * 10_000) / 10_000
  const known = winner === 'routed' ? ('experts, task known' as const) : ('multi-task, task known' as const)
  const entries = weights.map(({ entry }) => {
    const own = comparison.sets.filter(({ task }) => task === entry.name)
    const mean = (system: TaskSystem): number => rounded(own.reduce((sum, { scores }) => sum + scores[system], 0) / own.length)
    return { ...entry, late: true, sets: own.map(({ set }) => set), heldOut: { general: mean('general'), expert: mean(known) } }
  })
  await writePack(source, out, {
    manifest: { ...manifest, name: basename(out), experts: entries, router, pilots: path, calibration: routing.calibration },
    files: new Map([...weights.flatMap(({ files }) => [...files]), [path, pilots]]),
    dropped: [oldPilots, ...experts.flatMap((expert) => (expert.path === undefined ? [] : [expert.path]))],
  })
}
