import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = join(root, '.cache', 'snippets')

interface Snippet {
  readonly from: string
  readonly file: string
  readonly code: string
}

/** Every fenced `ts` block of the README and the docs. Later blocks of a page may use what earlier ones declared. */
function snippets(): Snippet[] {
  const pages = [
    'README.md',
    ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => join('docs', name)),
  ]
  return pages.flatMap((page) => {
    const blocks = [...readFileSync(join(root, page), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => code!)
    if (blocks.length === 0) return []
    return [{ from: page, file: join(folder, `${page.replaceAll(/[\\/]/g, '_')}.ts`), code: `${blocks.join('\n')}\nexport {}\n` }]
  })
}

describe('code in the README and the docs', () => {
  const found = snippets()

  beforeAll(() => {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    for (const { file, code } of found) writeFileSync(file, code)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('is there', () => {
    expect(found.map(({ from }) => basename(from))).toContain('README.md')
  })

  it('compiles', () => {
    const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (path) => readFileSync(path, 'utf8')) as { config: object }
    const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, root)
    const program = ts.createProgram([...found.map(({ file }) => file), ...ts.sys.readDirectory(join(root, 'src'), ['.d.ts'])], {
      ...options,
      noUnusedLocals: false,
      noUnusedParameters: false,
    })

    const problems = ts.getPreEmitDiagnostics(program).map((problem) => {
      const { line } = problem.file?.getLineAndCharacterOfPosition(problem.start ?? 0) ?? { line: 0 }
      return `${problem.file ? basename(problem.file.fileName) : ''}:${line + 1} ${ts.flattenDiagnosticMessageText(problem.messageText, '\n')}`
    })

    expect(problems).toEqual([])
  }, 120_000)
})
