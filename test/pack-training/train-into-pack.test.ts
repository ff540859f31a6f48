import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeEncoder } from '../../models/encoders/files.ts'
import { readPeft } from '../../src/encoder/lora/peft.ts'
import { openPack, type PackManifest } from '../../src/expert/pack.ts'
import { bundledPack, loadPack } from '../../src/load-pack.ts'
import { openPilotfish } from '../../src/open.ts'
import { trainIntoPack, type PackTraining, type PackTrainingProgress, type TrainIntoPackOptions } from '../../src/train/index.ts'
import { folder } from '../cli/folder.ts'
import { newQuestions, plainPairs, tradePairs } from './pairs.ts'

const quick: TrainIntoPackOptions = { name: 'trade', pairs: tradePairs, training: { steps: 120, rates: [2e-2] } }

/** Where `trade` was trained into a copy of the bundled pack. */
let shared: string
let training: PackTraining
const stages = new Set<PackTrainingProgress['stage']>()

beforeAll(async () => {
  shared = join(mkdtempSync(join(tmpdir(), 'pilotfish-train-')), 'pack')
  training = await trainIntoPack({ ...quick, out: shared, description: 'Words of the trade', onProgress: ({ stage }) => stages.add(stage) })
}, 60_000)

afterAll(() => rmSync(join(shared, '..'), { recursive: true, force: true }))

/** A copy of the shared pack that a test may change. */
function ownPack(): string {
  const directory = join(folder(), 'pack')
  cpSync(shared, directory, { recursive: true })
  return directory
}

describe('an expert trained into a pack', () => {
  it('is worth its place on questions it has not seen, and says how sure that is', () => {
    const { heldOut, trained } = training

    expect(trained).toEqual({ queries: 96, madeUp: 0, documents: 12 })
    expect(heldOut).toMatchObject({ queries: 96, documents: 12, judges: 'folds', madeUp: false })
    expect(heldOut.expert['ndcg@10']).toBeGreaterThan(heldOut.general['ndcg@10'] + 0.1)
    expect(heldOut.gain.mean).toBeCloseTo(heldOut.expert['ndcg@10'] - heldOut.general['ndcg@10'], 10)
    expect(heldOut.gain.low).toBeGreaterThan(0)
    expect(heldOut.gain.high).toBeGreaterThan(heldOut.gain.mean)
    expect([...stages].filter((stage) => stage !== 'embed')).toEqual(['train', 'judge', 'score', 'route', 'write'])
  })

  it('is asked what is asked of it, and answers', async () => {
    const fish = await openPilotfish({ pack: shared })
    await fish.add([...new Set(tradePairs.map(({ document }) => document))].map((text, i) => ({ id: String(i), text })))

    const answers = await fish.retrieveMany(
      newQuestions.map(({ question }) => question),
      { topK: 1 },
    )
    await fish.close()

    const asked = answers.filter(({ route }) => route.experts.some(({ name }) => name === 'trade'))
    const right = answers.filter(({ hits }, i) => hits[0]?.document.text.includes(newQuestions[i]!.meaning))
    expect(asked.length).toBeGreaterThanOrEqual(10)
    expect(right.length).toBeGreaterThanOrEqual(9)
  })

  it('leaves the other experts their questions and their files', async () => {
    const [before, after] = [(await openPack(bundledPack())).manifest, (await openPack(shared)).manifest]

    expect(after.name).toBe('pack')
    expect(after.experts.slice(0, -1)).toEqual(before.experts)
    expect(after.experts.at(-1)).toMatchObject({ name: 'trade', kind: 'table', description: 'Words of the trade', late: true })
    for (const { path } of before.experts) expect(after.files![path!]).toBe(before.files![path!])
    const { others } = training.routing
    expect(others!.examples).toBeGreaterThan(1000)
    expect(others!.after).toBeGreaterThan(others!.before - 0.01)
    expect(others!.taken).toBeLessThan(0.01)
  })

  it('leaves every document embedded as it is: an old index opens under the new pack and is searched', async () => {
    const directory = join(folder(), 'index')
    const old = await openPilotfish({ directory })
    await old.add([...new Set(tradePairs.map(({ document }) => document))].map((text, i) => ({ id: String(i), text })))
    await old.close()

    const fish = await openPilotfish({ directory, pack: shared })
    const { hits, route } = await fish.retrieve('tell me about the piano', { expert: 'trade', topK: 1, lexicalWeight: 0 })
    const { spaces } = await fish.info()
    await fish.close()

    expect(route.experts[0]!.name).toBe('trade')
    expect(hits[0]!.document.text).toContain('fills a whole truck')
    expect(spaces).toEqual([expect.objectContaining({ vectors: 12 })])
  })

  it('has a scale of its own, and little of BM25 where words do not match', async () => {
    const { experts } = (await loadPack(shared)).calibration!.similarity
    const { trade, ...others } = experts

    expect(others).toEqual((await loadPack(bundledPack())).calibration!.similarity.experts)
    expect(Math.abs(trade!.centre)).toBeLessThan(1)
    expect(training.heldOut.bm25['ndcg@10']).toBeLessThan(0.5)
    expect(training.lexicalWeight).toBeLessThan(0.85)
  })

  it('is judged by questions that were set aside, where there are any', async () => {
    const documents = [...new Set(tradePairs.map(({ document }) => document))]
    const all = tradePairs.map(({ query, document }) => ({ text: query, positives: [documents.indexOf(document)] }))
    const pairs = { documents, queries: all.slice(0, 80), heldOut: all.slice(80) }

    const { heldOut, trained, routing } = await trainIntoPack({ ...quick, pairs, force: true, out: join(folder(), 'pack') })

    expect(heldOut).toMatchObject({ judges: 'held-out', queries: 16 })
    expect(trained.queries).toBe(80)
    expect(routing.own.queries).toBe(16)
  })

  it('is the same for the same pairs and seed', async () => {
    const out = join(folder(), 'pack')

    await trainIntoPack({ ...quick, out, description: 'Words of the trade' })

    expect(readFileSync(join(out, 'pack.json'), 'utf8')).toBe(readFileSync(join(shared, 'pack.json'), 'utf8'))
  })
})

describe('a pack of one’s own', () => {
  it('takes a second expert in place, adapters too', async () => {
    const pack = ownPack()

    const second = await trainIntoPack({ name: 'slang', method: 'adapter', pairs: tradePairs, pack, training: { steps: 30 }, force: true })

    expect(second).toMatchObject({ method: 'adapter', pack })
    const { manifest } = await openPack(pack)
    expect(manifest.experts.slice(-2).map(({ name, kind }) => `${name} ${kind}`)).toEqual(['trade table', 'slang adapter'])
    const fish = await openPilotfish({ pack })
    expect(fish.experts.list().map(({ name }) => name)).toContain('slang')
    await fish.close()
    const listed = [...Object.keys(manifest.files!), 'pack.json'].sort()
    const there = readdirSync(pack, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    expect(there).toHaveLength(listed.length)
  })

  it('is added to when it is where the new one should go', async () => {
    const out = ownPack()

    await trainIntoPack({ ...quick, name: 'more', out })

    expect((await openPack(out)).manifest.experts.map(({ name }) => name)).toEqual(expect.arrayContaining(['trade', 'more']))
  })

  it('keeps an expert of the same name unless told to replace it', async () => {
    const pack = ownPack()
    const before = readFileSync(join(pack, 'pack.json'), 'utf8')

    await expect(trainIntoPack({ ...quick, pack })).rejects.toMatchObject({
      code: 'DUPLICATE_EXPERT',
      message: expect.stringContaining('--replace'),
    })
    expect(readFileSync(join(pack, 'pack.json'), 'utf8')).toBe(before)

    await trainIntoPack({ ...quick, pack, replace: true, seed: 2 })
    const { manifest } = await openPack(pack)
    expect(manifest.experts.filter(({ name }) => name === 'trade')).toHaveLength(1)
    expect(manifest.experts.at(-1)!.description).toBe('Words of the trade')
    expect(readFileSync(join(pack, 'pack.json'), 'utf8')).not.toBe(before)
    expect(readdirSync(join(pack, 'experts', 'trade'))).toHaveLength(1)
  })

  it('stays as it was when training is stopped, at every stage', async () => {
    const pack = ownPack()
    const before = readFileSync(join(pack, 'pack.json'), 'utf8')

    for (const stage of ['train', 'judge', 'score', 'route'] as const) {
      const stop = new AbortController()
      const stopped = trainIntoPack({
        ...quick,
        name: 'never',
        pack,
        signal: stop.signal,
        onProgress: (progress) => {
          if (progress.stage === stage) stop.abort()
        },
      })
      await expect(stopped, stage).rejects.toMatchObject({ name: 'AbortError' })
    }

    expect(readFileSync(join(pack, 'pack.json'), 'utf8')).toBe(before)
    await openPack(pack)
  })

  it('is not spoilt by an expert that gains nothing', async () => {
    const out = join(folder(), 'pack')

    await expect(trainIntoPack({ name: 'plain', pairs: plainPairs, out })).rejects.toMatchObject({
      code: 'TRAINING_REFUSED',
      scores: { general: 1, expert: 1 },
    })
    expect(existsSync(out)).toBe(false)
  })
})

describe('where a pack is written', () => {
  it('is never in an installed package', async () => {
    await expect(trainIntoPack({ ...quick, pack: bundledPack() })).rejects.toThrow(/pack lies in an installed package/)
    const installed = join(folder(), 'node_modules', 'x')
    mkdirSync(installed, { recursive: true })
    await expect(trainIntoPack({ ...quick, out: installed })).rejects.toThrow(/out lies in an installed package/)
    await expect(trainIntoPack(quick)).rejects.toThrow(/out is missing/)
  })

  it('is never over anything else', async () => {
    const other = folder({ 'diary.txt': 'dear diary' })

    await expect(trainIntoPack({ ...quick, out: other })).rejects.toThrow(/a directory with other files/)
    await expect(trainIntoPack({ ...quick, pack: bundledPack(), out: ownPack() })).rejects.toThrow(/already holds a pack/)
    await expect(trainIntoPack({ ...quick, pack: join(other, 'gone'), out: join(other, 'new') })).rejects.toMatchObject({
      code: 'INVALID_PACK',
    })
  })

  it('wants a name that can be a directory', async () => {
    for (const name of ['', 'a b', '../x', 'general'])
      await expect(trainIntoPack({ ...quick, name, out: join(folder(), 'pack') })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  it('may be from a pack without router and calibration', async () => {
    const plain = join(folder(), 'plain')
    cpSync(bundledPack(), plain, { recursive: true })
    writeFileSync(
      join(plain, 'pack.json'),
      JSON.stringify({ format: 1, name: 'plain', version: '1', languages: ['en'], base: { path: 'base', kind: 'static' }, experts: [] }),
    )

    const { routing } = await trainIntoPack({ ...quick, pack: plain })

    expect(routing.others).toBeUndefined()
    const fish = await openPilotfish({ pack: plain })
    expect((await fish.route(tradePairs[0]!.query)).experts[0]!.name).toBe('trade')
    await fish.close()
  })
})

describe('a pack whose base is an ONNX model', () => {
  const transformerPack = (): string => {
    const pack = join(folder(), 'onnx')
    writeEncoder(join(pack, 'base'), 'bert-tiny')
    const manifest = { format: 1, name: 'onnx', version: '1', languages: ['en'], base: { path: 'base', kind: 'onnx' }, experts: [] }
    writeFileSync(join(pack, 'pack.json'), JSON.stringify(manifest))
    return pack
  }
  const small = { pairs: tradePairs, training: { steps: 10, rank: 2, threads: 1 }, force: true } as const

  it('takes LoRA, in the format of PEFT, and adapters beside it, but no tables', async () => {
    const pack = transformerPack()
    await expect(trainIntoPack({ ...quick, pack, method: 'table' })).rejects.toThrow(/the base of the pack is not static/)
    const { method, heldOut } = await trainIntoPack({ ...small, name: 'trade', pack })
    expect(method).toBe('lora')
    expect(heldOut.queries).toBe(96)
    await trainIntoPack({ ...small, name: 'flat', pack, method: 'adapter' })

    const { experts } = JSON.parse(readFileSync(join(pack, 'pack.json'), 'utf8')) as PackManifest
    const { weights } = await readPeft(join(pack, experts[0]!.path!))
    expect(weights.modules).toHaveLength(12)
    const fish = await openPilotfish({ pack })
    expect(fish.experts.list().map(({ name, kind }) => `${name} ${kind}`)).toEqual(['general model', 'trade lora', 'flat adapter'])
    await fish.close()
  })

  it('replaces a LoRA expert with all of its files', async () => {
    const pack = transformerPack()
    await trainIntoPack({ ...small, name: 'trade', pack })
    await trainIntoPack({ ...small, name: 'trade', pack, replace: true, seed: 2 })
    const folders = readdirSync(join(pack, 'experts', 'trade'), { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.json'),
    )
    expect(folders).toHaveLength(1)
  })

  it('gets the same expert when training was killed on the way, and started again', async () => {
    const whole = transformerPack()
    await trainIntoPack({ ...small, name: 'trade', pack: whole })

    const pack = transformerPack()
    const checkpoint = join(pack, '..', 'trade.training')
    const child = fileURLToPath(new URL('./killed-training.ts', import.meta.url))
    // Killed by itself, without a word, in the middle of a step after a checkpoint.
    const { signal } = spawnSync(process.execPath, ['--import', 'tsx', child, pack, checkpoint], { encoding: 'utf8' })
    expect(signal).toBe('SIGKILL')
    expect(existsSync(checkpoint)).toBe(true)
    expect(JSON.parse(readFileSync(join(pack, 'pack.json'), 'utf8'))).toMatchObject({ experts: [] })

    const seen: number[] = []
    const onProgress = ({ stage, done }: PackTrainingProgress): void => void (stage === 'train' && seen.push(done))
    await trainIntoPack({ ...small, name: 'trade', pack, checkpoint, onProgress })
    expect(seen[0]).toBeGreaterThan(1)
    expect(existsSync(checkpoint)).toBe(false)
    const expertOf = (directory: string) => {
      const manifest = JSON.parse(readFileSync(join(directory, 'pack.json'), 'utf8')) as PackManifest
      return { ...manifest, weights: readFileSync(join(directory, manifest.experts[0]!.path!, 'adapter_model.safetensors')) }
    }
    expect(expertOf(pack)).toEqual(expertOf(whole))
  })
})

describe('pairs made of documents', () => {
  const madeUp = {
    documents: tradePairs.map(({ document }, i) => `${document} Number ${i}.`),
    queries: tradePairs.map(({ query }, i) => ({ text: `${query} soon`, positives: [i] })),
  }

  it('are trained on while the real ones judge', async () => {
    const { heldOut, trained } = await trainIntoPack({ ...quick, pairs: tradePairs.slice(0, 60), madeUp, out: join(folder(), 'pack') })

    expect(heldOut).toMatchObject({ queries: 60, madeUp: false })
    expect(trained).toMatchObject({ queries: 60 + madeUp.queries.length, madeUp: madeUp.queries.length })
  })

  it('judge themselves where there are no others, and that is said', async () => {
    const { heldOut, trained } = await trainIntoPack({
      ...quick,
      pairs: undefined,
      madeUp,
      force: true,
      out: join(folder(), 'pack'),
    } as TrainIntoPackOptions)

    expect(heldOut).toMatchObject({ madeUp: true, queries: 96 })
    expect(trained.madeUp).toBe(trained.queries)
    await expect(trainIntoPack({ name: 'x', out: join(folder(), 'pack') })).rejects.toThrow(/pairs are missing/)
  })
})
