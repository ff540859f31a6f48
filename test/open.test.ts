import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Engine } from '../src/engine.ts'
import { IndexMismatchError, InvalidPackError } from '../src/errors.ts'
import { bundledPack } from '../src/load-pack.ts'
import { openPilotfish, type OpenOptions } from '../src/open.ts'
import { toyDocuments, toyEncoder } from './engine-fixture.ts'

let folder: string
let open: Engine[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-'))
  open = []
})
afterEach(async () => {
  for (const engine of open) await engine.close()
  rmSync(folder, { recursive: true, force: true })
})

async function opened(options: OpenOptions = {}): Promise<Engine> {
  const engine = await openPilotfish(options)
  open.push(engine)
  return engine
}

describe('openPilotfish', () => {
  it('opens the bundled experts over an index in memory', async () => {
    const fish = await opened()

    const names = fish.experts.list().map(({ name }) => name)

    expect(names[0]).toBe('general')
    expect(names.length).toBeGreaterThanOrEqual(5)
    expect((await fish.info()).location).toBe(':memory:')
  })

  it('shares one space among the bundled experts', async () => {
    const fish = await opened()
    await fish.add(toyDocuments)

    expect((await fish.info()).spaces).toHaveLength(1)
  })

  it('finds documents again after closing and opening', async () => {
    const directory = join(folder, 'index')
    const first = await openPilotfish({ directory })
    await first.add(toyDocuments)
    const before = await first.retrieve('ibuprofen for a child with fever')
    await first.close()

    const second = await opened({ directory })
    const after = await second.retrieve('ibuprofen for a child with fever')

    expect(after.hits).toEqual(before.hits)
    expect(await second.add(toyDocuments)).toMatchObject({ added: 0, unchanged: toyDocuments.length })
  })

  it('gives questions in another script to the general expert or BM25, and finds them there', async () => {
    const fish = await opened()
    await fish.add([
      ...toyDocuments,
      { id: 'ru', text: 'Доза ибупрофена для ребёнка зависит от веса' },
      { id: 'zh', text: '布洛芬的儿童剂量取决于体重' },
    ])

    const [russian, chinese] = await fish.retrieveMany(['какая доза ибупрофена ребёнку?', '布洛芬 儿童 剂量'], { topK: 1 })

    for (const { route } of [russian!, chinese!]) {
      expect(route.decision).toBe('fallback')
      expect(route.experts[0]!.name).toBe('general')
      expect(route.lexicalWeight).toBeGreaterThan(0.5)
    }
    expect(russian!.hits[0]?.document.id).toBe('ru')
    expect(chinese!.hits[0]?.document.id).toBe('zh')
  })

  it('refuses an index of another encoder, names both, and can embed again', async () => {
    const directory = join(folder, 'index')
    const first = await openPilotfish({ directory, base: toyEncoder() })
    await first.add(toyDocuments)
    await first.close()

    const error = await openPilotfish({ directory }).catch((reason: unknown) => reason)

    expect(error).toBeInstanceOf(IndexMismatchError)
    expect((error as IndexMismatchError).actual).toEqual([toyEncoder().id])
    const again = await opened({ directory, reembed: true })
    expect((await again.retrieve('ibuprofen dose for a child', { topK: 1 })).hits[0]?.document.id).toBe('m1')
  })

  it('releases the index when opening fails', async () => {
    const directory = join(folder, 'index')
    const first = await openPilotfish({ directory, base: toyEncoder() })
    await first.add(toyDocuments)
    await first.close()
    await expect(openPilotfish({ directory })).rejects.toThrow(IndexMismatchError)

    expect((await (await opened({ directory, base: toyEncoder() })).info()).documents).toBe(toyDocuments.length)
  })

  it('takes an encoder of your own as base and general expert', async () => {
    const fish = await opened({ base: toyEncoder() })
    await fish.add(toyDocuments)

    const { hits, route } = await fish.retrieve('tar archive', { topK: 1 })

    expect(route.experts).toEqual([{ name: 'general', weight: 1 }])
    expect(hits[0]?.document.id).toBe('s1')
  })

  it('opens with experts of your own beside those of the pack', async () => {
    const fish = await opened({
      experts: [
        {
          expert: { kind: 'lexical', name: 'parts' },
          queries: ['part number AX-1290', 'part AX-77', 'order part BX-9', 'spare part CX-4'],
        },
      ],
    })

    expect(fish.experts.list().find(({ name }) => name === 'parts')).toMatchObject({ kind: 'lexical', routed: true })
  })

  it.each([
    ['base', { base: toyEncoder(), pack: 'somewhere' }],
    ['reembed', { readOnly: true, reembed: true }],
  ])('refuses options that contradict each other: %s', async (argument, options) => {
    await expect(openPilotfish(options)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument })
  })
})

function copyOfBundled(): string {
  const pack = join(folder, 'pack')
  cpSync(bundledPack(), pack, { recursive: true })
  return pack
}

function manifestOf(pack: string): Record<string, any> {
  return JSON.parse(readFileSync(join(pack, 'pack.json'), 'utf8')) as Record<string, any>
}

describe('a pack', () => {
  it('says of its experts what they were worth, and which arrived after the base', async () => {
    const pack = copyOfBundled()
    const manifest = manifestOf(pack)
    const heldOut = { general: 0.25, expert: 0.75 }
    manifest.experts = [
      { ...manifest.experts[0], heldOut, late: true },
      { ...manifest.experts[1], heldOut: undefined, late: undefined },
    ]
    writeFileSync(join(pack, 'pack.json'), JSON.stringify(manifest))

    const [general, first, second] = (await opened({ pack })).experts.list()

    expect(first).toMatchObject({ heldOut, late: true })
    for (const expert of [general, second]) expect(Object.keys(expert!)).toEqual(['name', 'kind', 'description', 'space', 'routed'])
  })
})

describe('a pack that cannot be used', () => {
  it('that is missing is named', async () => {
    await expect(openPilotfish({ pack: join(folder, 'nowhere') })).rejects.toThrow(InvalidPackError)
    await expect(openPilotfish({ pack: join(folder, 'nowhere') })).rejects.toThrow(/nowhere/)
  })

  it('with a manifest that is not JSON is refused', async () => {
    const pack = copyOfBundled()
    writeFileSync(join(pack, 'pack.json'), '{ "format": 1,')

    await expect(openPilotfish({ pack })).rejects.toThrow(InvalidPackError)
  })

  it('of a newer format is refused, saying so', async () => {
    const pack = copyOfBundled()
    writeFileSync(join(pack, 'pack.json'), JSON.stringify({ ...manifestOf(pack), format: 2 }))

    await expect(openPilotfish({ pack })).rejects.toThrow(/format 2/)
  })

  it.each([
    ['held-out figures', { heldOut: { general: 0.4, expert: 'good' } }],
    ['held-out figures', { heldOut: { general: 0.4 } }],
    ['"late"', { late: 'yes' }],
  ])('with %s that mean nothing is refused, naming the expert', async (what, facts) => {
    const pack = copyOfBundled()
    const manifest = manifestOf(pack)
    manifest.experts[1] = { ...manifest.experts[1], ...facts }
    writeFileSync(join(pack, 'pack.json'), JSON.stringify(manifest))

    await expect(openPilotfish({ pack })).rejects.toThrow(InvalidPackError)
    await expect(openPilotfish({ pack })).rejects.toThrow(new RegExp(`${what}.*"${manifest.experts[1].name}"`))
  })

  it('with a damaged file is refused, naming the file', async () => {
    const pack = copyOfBundled()
    const path = manifestOf(pack).experts[0].path as string
    const bytes = readFileSync(join(pack, path))
    bytes[bytes.length - 1]! ^= 255
    writeFileSync(join(pack, path), bytes)

    await expect(openPilotfish({ pack })).rejects.toThrow(InvalidPackError)
    await expect(openPilotfish({ pack })).rejects.toThrow(new RegExp(path))
  })

  it('with a file that is cut off is refused even without checksums', async () => {
    const pack = copyOfBundled()
    const { files: _, ...manifest } = manifestOf(pack)
    writeFileSync(join(pack, 'pack.json'), JSON.stringify(manifest))
    truncateSync(join(pack, 'base', 'model.safetensors'), 1000)

    await expect(openPilotfish({ pack })).rejects.toMatchObject({ code: 'INVALID_MODEL' })
  })

  it('with a file outside itself is refused', async () => {
    const pack = copyOfBundled()
    const manifest = manifestOf(pack)
    manifest.experts[0].path = '../../etc/passwd'
    writeFileSync(join(pack, 'pack.json'), JSON.stringify(manifest))

    await expect(openPilotfish({ pack })).rejects.toThrow(InvalidPackError)
  })
})
