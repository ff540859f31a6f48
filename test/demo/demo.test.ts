import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const built = existsSync(join(root, 'dist/index.js')) && existsSync(join(root, 'models/bundled/pack.json'))
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

/** The demo as `npm run demo` starts it, without npm. */
function demo(...argv: string[]) {
  const env = { ...process.env, TSX_TSCONFIG_PATH: join(root, 'examples/tsconfig.json') }
  return spawnSync(process.execPath, ['--import', tsx, 'examples/demo/demo.ts', ...argv], { cwd: root, encoding: 'utf8', env })
}

/** A copy of the bundled pack in which just these experts arrived after the base. */
function packWithLate(...names: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'pilotfish-demo-pack-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(join(root, 'models/bundled'), folder, { recursive: true })
  const path = join(folder, 'pack.json')
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as { experts: { name: string; late?: boolean }[] }
  const experts = manifest.experts.map((expert) => ({ ...expert, late: names.includes(expert.name) || undefined }))
  writeFileSync(path, JSON.stringify({ ...manifest, experts }))
  return folder
}

interface Entry {
  readonly question: string
  readonly expected: readonly string[]
  readonly expert: string
  readonly hits: readonly string[]
  readonly general: readonly string[]
}

describe('the demo', () => {
  it('says what to do when the package is not built', () => {
    const folder = mkdtempSync(join(tmpdir(), 'pilotfish-demo-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    cpSync(join(root, 'examples/demo'), folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{"type": "module"}')

    const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', tsx, 'demo.ts', '--json'], {
      cwd: folder,
      encoding: 'utf8',
    })

    expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: '', stderr: 'demo: the package is not built yet; run npm run build\n' })
  })

  // Needs `npm run build`, which `npm ci` does, and the bundled pack.
  describe.skipIf(!built)('once built', () => {
    it('prints JSON and nothing else', () => {
      const { status, stdout, stderr } = demo('--json')

      const { questions } = JSON.parse(stdout) as { questions: Entry[] }

      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      expect(questions.length).toBeGreaterThanOrEqual(14)
      for (const entry of questions) {
        expect(Object.keys(entry)).toEqual(['question', 'expected', 'expert', 'hits', 'general'])
        expect(entry.hits.length).toBeGreaterThan(0)
      }
    })

    it('finds most answers, and no fewer by routing than without', () => {
      const { questions } = JSON.parse(demo('--json').stdout) as { questions: Entry[] }

      const found = (key: 'hits' | 'general') =>
        questions.filter((entry) => entry[key].slice(0, 3).some((id) => entry.expected.includes(id))).length

      expect(found('hits')).toBeGreaterThanOrEqual(questions.length * 0.8)
      expect(found('hits')).toBeGreaterThanOrEqual(found('general'))
    })

    it('fits 80 columns and has no colour outside a terminal', () => {
      const { stdout } = demo()

      expect(stdout).not.toContain('\x1b')
      expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
      expect(stdout).toMatch(/routed .* first .* in the first 3\n/)
    })

    it('says which experts arrived later, and counts the questions for them separately', () => {
      const pack = packWithLate('bank', 'assistant')
      const asked = JSON.parse(readFileSync(join(root, 'examples/demo/questions.json'), 'utf8')) as { domain: string[] }[]
      const { questions } = JSON.parse(demo('--json', '--pack', pack).stdout) as { questions: Entry[] }
      const late = questions.filter((_, i) => asked[i]!.domain.some((name) => name === 'bank' || name === 'assistant'))
      const others = questions.filter((entry) => !late.includes(entry))

      const { stdout } = demo('--pack', pack)

      const opening = stdout.slice(0, stdout.indexOf('indexed once'))
      expect(opening).toMatch(/came with the base +medical, shell, code/)
      expect(opening).toMatch(/arrived later +bank, assistant: the base never saw their questions/)
      const counts = (group: readonly Entry[], key: 'hits' | 'general', label: string): string => {
        const within = (k: number) => group.filter((entry) => entry[key].slice(0, k).some((id) => entry.expected.includes(id))).length
        return `${label} +[█▏▎▍▌▋▊▉ ]*${within(1)} first +${within(3)} in the first 3`
      }
      for (const [title, group] of [
        [`the ${late.length} for experts that arrived later`, late],
        [`the other ${others.length}`, others],
      ] as const) {
        const rows = [counts(group, 'hits', 'routed'), counts(group, 'general', 'general expert alone')]
        expect(stdout).toMatch(new RegExp(`^  ${title}\n  ${rows.join('\n  ')}\n`, 'm'))
      }
      expect(stdout).toMatch(/^ +arrived later +bank \d+ → \d+, assistant \d+ → \d+\n +with the base +medical \d+ → \d+,/m)
      expect(stdout).not.toContain('\x1b')
      expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
    })

    it('claims nothing about experts whose pack does not say when they arrived', () => {
      const { status, stdout } = demo('--pack', packWithLate())

      expect(status).toBe(0)
      expect(stdout).toContain('Answers found')
      expect(stdout).not.toMatch(/arrived|with the base|the other \d/)
    })

    it('shows that one vector a document serves all experts', () => {
      const [, documents, vectors] =
        /^  (\d+) documents indexed once, in .*: (\d+) vectors serve all \d experts$/m.exec(demo().stdout) ?? []

      expect(Number(documents)).toBeGreaterThan(0)
      expect(vectors).toBe(documents)
    })

    it('answers one question of your own', () => {
      const { status, stdout } = demo('how do I unpack', 'a tar archive?')

      expect(status).toBe(0)
      expect(stdout).toContain('how do I unpack a tar archive?')
      expect(stdout).toContain('shell-tar-extract')
      expect(stdout).not.toContain('general expert alone')
    })
  })
})
