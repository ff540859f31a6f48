/**
 * Runs a benchmark by its name:
 *
 *     npm run bench -- NAME [--json FILE] [its own options]
 *
 * Without a name it lists those there are. `--json` also writes what was found, as `harness/report.ts` says.
 */
import { readdirSync } from 'node:fs'
import { begin, finish } from './harness/report.ts'

const here = new URL('.', import.meta.url)
const names = readdirSync(here)
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
  .map((file) => file.slice(0, -'.ts'.length))
const [name, ...rest] = process.argv.slice(2)

if (name === undefined || !names.includes(name)) {
  const problem = name === undefined ? 'Which benchmark?' : `There is no benchmark "${name}".`
  console.error(`${problem} npm run bench -- NAME [--json FILE]\n`)
  for (const known of names) console.error(`  ${known}`)
  process.exitCode = 1
} else {
  const at = rest.indexOf('--json')
  const [, json] = at < 0 ? [] : rest.splice(at, 2)
  if (at >= 0 && json === undefined) throw new Error('--json needs the name of a file.')
  process.argv.splice(1, Number.POSITIVE_INFINITY, new URL(`${name}.ts`, here).pathname, ...rest)
  begin(name, json, rest)
  await import(`./${name}.ts`)
  finish()
}
