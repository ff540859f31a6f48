import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import type { PageFiles } from './page-files.ts'

const folder = fileURLToPath(new URL('./page/', import.meta.url))

/** Bundles what runs in the browser, plots library included. At build time, and when working from source; never in the installed package. */
export async function bundlePage(): Promise<PageFiles> {
  const bundle = await rolldown({ input: join(folder, 'main.ts'), platform: 'browser', logLevel: 'warn' })
  try {
    const { output } = await bundle.generate({ format: 'iife', minify: true, comments: { legal: false } })
    const [chunk] = output
    return { script: chunk.code, style: await readFile(join(folder, 'page.css'), 'utf8'), notices: notices(chunk.moduleIds) }
  } finally {
    await bundle.close()
  }
}

/** The licences of the packages that these modules are of, each text once. */
function notices(modules: readonly string[]): string {
  const byText = new Map<string, string[]>()
  for (const directory of new Set(modules.flatMap((path) => packageDirectory(path) ?? []))) {
    const { name, version } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { name: string; version: string }
    const file = readdirSync(directory).find((entry) => /^licen[sc]e/i.test(entry))
    if (file === undefined) throw new Error(`${name} has no licence file, and may not be bundled without its text.`)
    const text = readFileSync(join(directory, file), 'utf8').trim()
    byText.set(text, [...(byText.get(text) ?? []), `${name} ${version}`])
  }
  return [...byText].map(([text, names]) => `${names.sort().join(', ')}\n\n${text}`).join('\n\n')
}

function packageDirectory(path: string): string | undefined {
  if (!path.includes('node_modules')) return undefined
  let directory = dirname(path)
  while (!(existsSync(join(directory, 'package.json')) && named(directory))) directory = dirname(directory)
  return directory
}

/** Some packages have further `package.json` files that only say how to read a folder. */
function named(directory: string): boolean {
  return 'version' in (JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as object)
}
