/**
 * Runs every benchmark that needs no arguments, one process after another, keeps what they found in `bench/results/` and writes the tables of
 * `docs/performance.md` anew.
 *
 *     npm run bench -- all [--data DIR…] [--only NAME…] [--tables]
 *
 * `--tables` runs nothing and writes the page from what is kept. Takes about 25 minutes on two cores, and wants the machine to itself.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { resultFile, writePage } from './harness/page.ts'

const { values } = parseArgs({
  options: {
    data: { type: 'string', multiple: true, default: [] },
    only: { type: 'string', multiple: true },
    tables: { type: 'boolean', default: false },
  },
})
/** They want an index, or a package that is not among the peers. */
const others = ['all', 'run', 'frameworks', 'graphs']
/** They read corpora. */
const withData = ['indexing', 'query', 'concurrency', 'event-loop', 'search', 'filtered', 'open', 'scaling']
const names = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length))
  .filter((name) => (values.only ? values.only.includes(name) : !others.includes(name)))

const failed: string[] = []
for (const name of values.tables ? [] : names) {
  console.log(`\n==> ${name}`)
  const data = withData.includes(name) ? values.data.flatMap((directory) => ['--data', directory]) : []
  const { status } = spawnSync(
    process.execPath,
    [...process.execArgv, new URL('run.ts', import.meta.url).pathname, name, '--json', resultFile(name), ...data],
    { stdio: 'inherit' },
  )
  if (status !== 0) failed.push(name)
}
console.log(`\ndocs/performance.md: ${writePage().join(', ')}`)
if (failed.length > 0) {
  console.error(`These failed, and their tables stay as they were: ${failed.join(', ')}`)
  process.exitCode = 1
}
