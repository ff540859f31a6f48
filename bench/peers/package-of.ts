import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)

/** True when `npm install --prefix bench/peers` was done. */
export const peersInstalled = existsSync(fileURLToPath(new URL('node_modules/', import.meta.url)))

/** Said where a row is left out for want of them. */
export const howToInstall = 'peers are not installed: npm install --prefix bench/peers'

/**
 * A package of the peers, as the few members that are used of it: types must hold where peers are not installed. `module` is what `import`
 * takes.
 */
export async function peer<T>(module: string): Promise<T> {
  return (await import(module)) as T
}

/** Version of a package, as it is installed for the peers. */
export function versionOf(name: string): string {
  try {
    return (require(`./node_modules/${name}/package.json`) as { version: string }).version
  } catch {
    return (require(`${name}/package.json`) as { version: string }).version
  }
}
