import { stat } from 'node:fs/promises'
import type { Engine } from '../index.ts'
import type { Environment } from './environment.ts'
import { UsageError } from './environment.ts'

/** Opens an index that must be there already, without the right to change it: another process may be writing. */
export async function openToRead(environment: Environment, directory: string, pack: string | undefined): Promise<Engine> {
  await mustExist(directory)
  return environment.open({ directory, readOnly: true, ...(pack !== undefined && { pack }) })
}

/** Opens an index that must be there already, to change it. */
export async function openToWrite(environment: Environment, directory: string, pack: string | undefined): Promise<Engine> {
  await mustExist(directory)
  return environment.open({ directory, ...(pack !== undefined && { pack }) })
}

/** An engine without documents, for questions about the pack. */
export function openEmpty(environment: Environment, pack: string | undefined): Promise<Engine> {
  return environment.open(pack === undefined ? {} : { pack })
}

/** A mistyped directory would otherwise become an empty index. */
async function mustExist(directory: string): Promise<void> {
  const stats = await stat(directory).catch(() => undefined)
  if (!stats?.isDirectory())
    throw new UsageError(`There is no index at ${directory}. Make one with: pilotfish add PATH… --index ${directory}`)
}
