import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Report } from './report.ts'
import { show, table } from './table.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const page = 'docs/performance.md'

/** Where what a benchmark found is kept. */
export function resultFile(bench: string): string {
  return fileURLToPath(new URL(`../results/${bench}.json`, import.meta.url))
}

/** Writes the tables of `docs/performance.md` anew, between its `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`, from what is kept. */
export function writePage(): readonly string[] {
  const written: string[] = []
  const text = readFileSync(`${root}${page}`, 'utf8').replaceAll(
    /(<!-- bench:([\w-]+) -->\n)[\s\S]*?(<!-- \/bench:\2 -->)/g,
    (all, start: string, bench: string, end: string) => {
      if (!existsSync(resultFile(bench))) return all
      written.push(bench)
      return `${start}\n${section(JSON.parse(readFileSync(resultFile(bench), 'utf8')) as Report)}\n\n${end}`
    },
  )
  writeFileSync(`${root}${page}`, text)
  execFileSync('npx', ['oxfmt', page], { cwd: root, stdio: 'ignore' })
  return written
}

function section({ machine, commit, command, data, ratios, tables = [], missing = [] }: Report): string {
  const line = `_\`${command}\`; ${machine}; commit ${commit}${data === undefined ? '' : `. ${data}`}._`
  const keys = table(
    Object.keys(ratios).length > 0 ? ['key', 'ratio'] : ['key', ''],
    Object.entries(ratios).map(([key, value]) => [`\`${key}\``, show(value)]),
  )
  return [...tables, keys, line, ...missing.map((each) => `_Left out: ${each}_`)].join('\n\n')
}
