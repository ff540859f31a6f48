import { rm } from 'node:fs/promises'
import { InvalidArgumentError, PilotfishError } from '../errors.ts'
import { readCheckpoint, writeCheckpoint } from '../train/expert/checkpoint-file.ts'
import type { ExpertCheckpoint } from '../train/expert/checkpoint.ts'

/** Writes a checkpoint now and then. */
export function checkpointsTo(path: string, seconds: number): (state: ExpertCheckpoint) => Promise<void> {
  let last = performance.now()
  return async (state) => {
    if (performance.now() - last < 1000 * seconds) return
    await writeCheckpoint(path, state)
    last = performance.now()
  }
}

/** Goes on from a checkpoint of the same training; one of another training is none. */
export async function resumed<T>(path: string | undefined, train: (resume: { resume?: ExpertCheckpoint }) => Promise<T>): Promise<T> {
  const resume = path === undefined ? undefined : await readCheckpoint(path)
  if (!resume) return train({})
  try {
    return await train({ resume })
  } catch (error) {
    if (!(PilotfishError.is(error) && error instanceof InvalidArgumentError && error.argument === 'resume')) throw error
    await rm(path!, { force: true })
    return train({})
  }
}
