import { join } from 'node:path'
import { InvalidArgumentError, UnknownExpertError } from '../errors.ts'
import { openPack } from '../expert/pack.ts'
import { generalName } from '../load-pack.ts'
import { readCalibration } from '../routing/calibration.ts'
import { loadRouter } from '../routing/saved-router.ts'
import { textRouter } from '../routing/text-router.ts'
import { packTarget } from './target.ts'
import { forgotten, writeExpert } from './write-expert.ts'

export interface RemoveFromPackOptions {
  /** Of the expert that leaves. */
  readonly name: string
  /** Directory of the pack. */
  readonly pack?: string
  /** Directory for a copy without the expert. @default `pack`, which is changed in place */
  readonly out?: string
}

/** A pack that an expert has left. */
export interface RemovedExpert {
  readonly name: string
  /** Directory of the pack without it. */
  readonly pack: string
  /** Names of the experts that stay, the general one left aside. */
  readonly left: readonly string[]
}

/**
 * Takes an expert out of a pack: its files, what the router knows of it, and its scale. No model is opened. Indexes made with the pack
 * open as before.
 * @throws UnknownExpertError, InvalidArgumentError, InvalidPackError, PackNotWrittenError
 */
export async function removeFromPack({ name, ...where }: RemoveFromPackOptions): Promise<RemovedExpert> {
  const target = await packTarget(where)
  const pack = await openPack(target.source)
  const { experts, router: saved, calibration, pilots = 'pilots.safetensors' } = pack.manifest
  const old = experts.find((expert) => expert.name === name)
  if (name === generalName && !old)
    throw new InvalidArgumentError('name', `is "${name}", the base of the pack`, 'A pack without its base would answer nothing.')
  if (!old) throw new UnknownExpertError(name, [generalName, ...experts.map((expert) => expert.name)])
  const router = saved === undefined ? textRouter([]) : loadRouter(saved, await pack.tensors(pilots), join(target.source, pilots))
  const known = calibration === undefined ? undefined : readCalibration(calibration, target.source)
  await writeExpert(pack, target, { old, routing: forgotten(name, { router, calibration: known }) })
  return { name, pack: target.out, left: experts.map((expert) => expert.name).filter((each) => each !== name) }
}
