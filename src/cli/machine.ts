import { cpus } from 'node:os'
import manifest from '../../package.json' with { type: 'json' }

/** What figures were made by. */
export const versions = { pilotfish: manifest.version, node: process.versions.node }

/** What they were made on. */
export function machine(): string {
  const cores = cpus()
  return `${cores.length} × ${cores[0]?.model.trim() ?? 'unknown processor'}`
}
