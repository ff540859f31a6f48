import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { writeEncoder } from '../../models/encoders/files.ts'
import { isDense } from '../../src/expert/expert.ts'
import { openPack } from '../../src/expert/pack.ts'
import { bundledPack, loadPack } from '../../src/load-pack.ts'
import { openPilotfish } from '../../src/open.ts'
import { taskInstructions } from '../../src/tasks/task.ts'
import { addToPack, describeExpert, readPairs, removeFromPack, type AddToPackOptions } from '../../src/train/index.ts'
import { folder } from '../cli/folder.ts'
import { fakeEndpoint } from '../encoder/fake-endpoint.ts'
import { fakeHub } from '../encoder/fake-hub.ts'
import { savedEncoder } from '../encoder/from-weights/weights.ts'
import { tinyBert } from '../encoder/model-paths.ts'
import { clinic, clinicFiles, peftFixture, tablePack, transformerPack } from '../expert/packs.ts'
import { everydayPairs } from './pairs.ts'

const manifestText = (pack: string): string => readFileSync(join(pack, 'pack.json'), 'utf8')
const entries = async (pack: string) => (await openPack(pack)).manifest.experts
/** A model that knows English, beside bases that know nothing. */
const english = join(bundledPack(), 'base')
const taught: AddToPackOptions = { name: 'trade', source: english, pairs: everydayPairs }

/** Every file of a pack is one that its manifest lists. */
async function expectTidy(pack: string): Promise<void> {
  const listed = Object.keys((await openPack(pack)).manifest.files!)
  const there = readdirSync(pack, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(pack.length + 1))
  expect(there.sort()).toEqual([...listed, 'pack.json'].sort())
}

describe('an expert that joins a pack with questions of its domain', () => {
  it('is judged by them, gets a scale and a BM25 share, and is asked what is asked of it', async () => {
    const pack = tablePack()
    const stages = new Set<string>()

    const added = await addToPack({ ...taught, pack, description: 'The trade', onProgress: ({ stage }) => stages.add(stage) })

    expect(added).toMatchObject({ name: 'trade', kind: 'model', pack, routed: true, sharesSpace: false })
    expect(added.heldOut).toMatchObject({ queries: 12, documents: 12 })
    expect(added.heldOut!.expert['ndcg@10']).toBeGreaterThan(added.heldOut!.general['ndcg@10'] + 0.1)
    expect([...stages]).toEqual(['open', 'score', 'route', 'write'])
    const [entry] = await entries(pack)
    expect(entry).toMatchObject({ name: 'trade', kind: 'model', description: 'The trade', model: { kind: 'static' }, late: true })
    expect(entry!.heldOut!.expert).toBeCloseTo(added.heldOut!.expert['ndcg@10'], 3)
    const { calibration, close } = await loadPack(pack)
    await close()
    expect(calibration!.similarity.experts.trade).toBeDefined()
    await expectTidy(pack)

    const fish = await openPilotfish({ pack })
    await fish.add(everydayPairs.map(({ document }, i) => ({ id: String(i), text: String(document) })))
    const { hits, route } = await fish.retrieve(everydayPairs[3]!.query)
    const { spaces } = await fish.info()
    await fish.close()
    expect(route.experts[0]!.name).toBe('trade')
    expect(hits[0]!.document.id).toBe('3')
    expect(spaces).toHaveLength(2)
  })

  it('is judged behind its instructions, and routed to, as the base with a task', async () => {
    const pack = transformerPack()

    const added = await addToPack({ name: 'answers', task: 'qa', pairs: everydayPairs, force: true, pack })

    expect(added).toMatchObject({ kind: 'instruction', task: 'qa', routed: true })
    expect(added.heldOut!.queries).toBe(12)
    const { router, calibration, close } = await loadPack(pack)
    await close()
    expect(router.experts).toEqual(['answers'])
    expect(calibration!.similarity.experts.answers).toBeDefined()
  })

  it('is refused when it does not beat the general one, with the figures, and the pack stays', async () => {
    const pack = tablePack()
    const before = manifestText(pack)
    const copy = { name: 'copy', source: join(pack, 'base'), pairs: everydayPairs, pack }

    const refused = addToPack(copy)

    await expect(refused).rejects.toMatchObject({ code: 'TRAINING_REFUSED', expert: 'copy' })
    expect(manifestText(pack)).toBe(before)
    expect(existsSync(join(pack, 'experts'))).toBe(false)
    expect(await addToPack({ ...copy, force: true })).toMatchObject({ routed: true, sharesSpace: true })
  })

  it('needs five of them', async () => {
    await expect(addToPack({ ...taught, pairs: everydayPairs.slice(0, 4), pack: tablePack() })).rejects.toThrow(/at least five pairs/)
  })

  it('leaves the other experts as they are, and the same questions give the same pack', async () => {
    const [one, other] = [join(folder(), 'pack'), join(folder(), 'pack')]
    const options = { ...taught, source: tinyBert, force: true }

    await addToPack({ ...options, out: one })
    await addToPack({ ...options, out: other })

    expect(manifestText(one)).toBe(manifestText(other))
    const [before, after] = [(await openPack(bundledPack())).manifest, (await openPack(one)).manifest]
    expect(after.experts.slice(0, -1)).toEqual(before.experts)
    for (const { path } of before.experts) expect(after.files![path!]).toBe(before.files![path!])
  })
})

describe('an expert that joins a pack without questions', () => {
  it('is a LoRA adapter, byte for byte as PEFT saved it, and is asked by name', async () => {
    const pack = transformerPack()

    const added = await addToPack({ name: 'law', source: peftFixture('half'), pack })

    expect(added).toEqual({ name: 'law', kind: 'lora', pack, routed: false, sharesSpace: true })
    const path = (await entries(pack))[0]!.path!
    expect(path).toMatch(/^experts\/law-[0-9a-f]{8}$/)
    for (const file of ['adapter_config.json', 'adapter_model.safetensors'])
      expect(readFileSync(join(pack, path, file))).toEqual(readFileSync(join(peftFixture('half'), file)))
    await expectTidy(pack)
    const fish = await openPilotfish({ pack })
    await fish.add([{ id: 'a', text: 'a lease' }])
    expect((await fish.retrieve('a lease', { expert: 'law' })).hits).toHaveLength(1)
    expect((await fish.retrieve('a lease')).route.experts[0]!.name).toBe('general')
    await fish.close()
  })

  it('is a model with the prompts that its files name, and only the files it needs', async () => {
    const pack = tablePack()

    await addToPack({ name: 'clinic', source: tinyBert, pack })

    const [entry] = await entries(pack)
    expect(entry).toMatchObject({ kind: 'model', model: { kind: 'onnx', queryPrompt: 'query', documentPrompt: 'document' } })
    expect(readdirSync(join(pack, entry!.path!, 'onnx'))).toEqual(['model.onnx'])
    const { experts, close } = await loadPack(pack)
    expect(experts.map(({ name, kind }) => `${name} ${kind}`)).toEqual(['general model', 'clinic model'])
    await close()
  })

  it('is a model with weights and no ONNX file, which is made wherever the pack is opened', async () => {
    const pack = tablePack()
    const { weights } = savedEncoder('bert-tiny')

    await addToPack({ name: 'clinic', source: weights, pack })

    const [entry] = await entries(pack)
    expect(readdirSync(join(pack, entry!.path!))).toContain('model.safetensors')
    const { experts, close } = await loadPack(pack)
    const expert = experts.find(({ name }) => name === 'clinic')
    const [vector] = expert && isDense(expert) ? await expert.queryEncoder.encode(['a lease']) : []
    expect(vector).toHaveLength(32)
    await close()
    await expectTidy(pack)
  })

  it('is a repository of a hub, held to the commit that was found', async () => {
    const hub = await fakeHub(tinyBert)
    const pack = tablePack()
    const cache = folder()
    for (const [name, value] of Object.entries({ HF_ENDPOINT: hub.url, XDG_CACHE_HOME: cache })) {
      const before = process.env[name]
      process.env[name] = value
      onTestFinished(() => void (before === undefined ? delete process.env[name] : (process.env[name] = before)))
    }

    await addToPack({ name: 'far', source: 'tiny/model', pack })

    const asked = hub.requests.length
    expect((await entries(pack))[0]).toMatchObject({ kind: 'model', hub: { repository: 'tiny/model', revision: 'a'.repeat(40) } })
    const { close } = await loadPack(pack)
    await close()
    expect(hub.requests).toHaveLength(asked)
  })

  it('is an endpoint, whose dimensions are asked for and whose key stays out of the pack', async () => {
    const server = await fakeEndpoint()
    const pack = tablePack()
    process.env.ADD_KEY = 'very-secret'
    onTestFinished(() => void delete process.env.ADD_KEY)

    const added = await addToPack({
      name: 'letters',
      source: `${server.url}/embed`,
      endpoint: { model: 'letters', apiKeyVariable: 'ADD_KEY' },
      pack,
    })

    expect(added).toMatchObject({ kind: 'remote', routed: false, sharesSpace: false })
    expect(server.asked[0]!.headers.authorization).toBe('Bearer very-secret')
    expect((await entries(pack))[0]!.endpoint).toEqual({
      url: `${server.url}/embed`,
      model: 'letters',
      dimensions: 26,
      apiKeyVariable: 'ADD_KEY',
    })
    expect(manifestText(pack)).not.toContain('very-secret')
    await expect(addToPack({ name: 'x', source: server.url, pack })).rejects.toThrow(/endpoint\.model is missing/)
  })

  it('is the base with the instructions of a task, where there is no source, and is asked for that task', async () => {
    const pack = transformerPack()

    const added = await addToPack({ name: 'answers', task: 'qa', pack })

    expect(added).toEqual({ name: 'answers', kind: 'instruction', task: 'qa', pack, routed: false, sharesSpace: false })
    const { query, key } = taskInstructions.qa
    expect(await entries(pack)).toEqual([
      { name: 'answers', kind: 'instruction', instructions: { query, document: key }, task: 'qa', late: true },
    ])
    await expectTidy(pack)
    const fish = await openPilotfish({ pack })
    await fish.add([{ id: 'a', text: 'a lease' }])
    expect((await fish.retrieve('a lease', { task: 'qa' })).route.experts[0]!.name).toBe('answers')
    await fish.close()
    expect(await describeExpert(pack, 'answers')).toMatchObject({
      kind: 'instruction',
      task: 'qa',
      instructions: { query, document: key },
      bytes: 0,
      sharesSpace: false,
      cost: { passes: 1, of: 'base', requests: 0 },
    })
  })

  it('takes instructions of its own for a task of its own', async () => {
    const pack = tablePack()

    const added = await addToPack({ name: 'faq', task: 'faq', instructions: { query: 'list: ' }, pack })

    expect(added).toMatchObject({ kind: 'instruction', sharesSpace: true })
    expect((await entries(pack))[0]).toMatchObject({ task: 'faq', instructions: { query: 'list: ' } })
    expect((await describeExpert(pack, 'faq')).cost).toEqual({ passes: 0, requests: 0 })
    await expect(addToPack({ name: 'none', task: 'other', pack })).rejects.toThrow(/source is missing.*or none, and one of the six tasks/)
    await expect(addToPack({ name: 'none', instructions: { query: '' }, pack })).rejects.toThrow(/instructions are empty/)
    await expect(addToPack({ name: 'none', task: ' qa', pack })).rejects.toMatchObject({ argument: 'task' })
    await expect(addToPack({ name: 'none', task: 'qa', documents: 'own', pack })).rejects.toThrow(/documents is given without a source/)
  })

  it('bound to a task is a model with the instructions of the task, unless it has prompts of its own', async () => {
    const pack = transformerPack()
    const silent = join(folder(), 'silent')
    writeEncoder(silent, 'bert-tiny', { seed: 9 })

    await addToPack({ name: 'silent', source: silent, task: 'tool', pack })
    await addToPack({ name: 'named', source: tinyBert, task: 'tool', pack })
    await addToPack({ name: 'said', source: silent, task: 'tool', instructions: { query: 'Q: ' }, documents: 'base', pack })

    const { query, key } = taskInstructions.tool
    expect((await entries(pack)).map(({ task, model }) => ({ task, ...model }))).toEqual([
      { task: 'tool', kind: 'onnx', queryPrompt: query, documentPrompt: key },
      { task: 'tool', kind: 'onnx', queryPrompt: 'query', documentPrompt: 'document' },
      { task: 'tool', kind: 'onnx', queryPrompt: 'Q: ', documents: 'base' },
    ])
    await (await loadPack(pack)).close()
  })

  it('bound to a task is a LoRA adapter, which reads what it is told to and embeds documents where it was trained to', async () => {
    const pack = transformerPack()
    const source = peftFixture('single')

    await addToPack({ name: 'plain', source, task: 'qa', pack })
    const tied = await addToPack({
      name: 'tied',
      source,
      task: 'qa',
      instructions: { query: 'Q: ', document: 'D: ' },
      documents: 'own',
      pack,
    })

    expect(tied).toMatchObject({ kind: 'lora', task: 'qa', sharesSpace: false })
    const [plain, other] = await entries(pack)
    expect(plain).not.toHaveProperty('instructions')
    expect(other).toMatchObject({ instructions: { query: 'Q: ', document: 'D: ' }, documents: 'own' })
    const fish = await openPilotfish({ pack })
    await fish.add([{ id: 'a', text: 'a lease' }])
    expect((await fish.info()).spaces).toHaveLength(2)
    expect((await fish.route('a lease', { task: 'qa' })).experts).toEqual([{ name: 'plain', weight: 1 }])
    await fish.close()
    await expect(addToPack({ name: 'x', source, documents: 'mine' as 'own', pack })).rejects.toThrow(
      /documents is "mine", neither "own" nor "base"/,
    )
  })

  it('bound to a task is an endpoint, whose prompts are what it is told', async () => {
    const pack = tablePack()
    const source = 'http://127.0.0.1:1/embed'
    const endpoint = { model: 'letters', dimensions: 26, documentPrompt: 'doc: ' }

    await addToPack({ name: 'far', source, endpoint, task: 'qa', instructions: { query: 'Q: ', document: 'D: ' }, pack })

    expect((await entries(pack))[0]).toMatchObject({ task: 'qa', endpoint: { ...endpoint, queryPrompt: 'Q: ' } })
    await expect(addToPack({ name: 'x', source, endpoint, documents: 'base', pack })).rejects.toThrow(/documents is "base" for an endpoint/)
  })

  it('takes the place of another only when told, and what was known of that one is forgotten', async () => {
    const pack = tablePack()
    await addToPack({ ...taught, pack })

    await expect(addToPack({ name: 'trade', source: tinyBert, pack })).rejects.toMatchObject({
      code: 'DUPLICATE_EXPERT',
      message: expect.stringContaining('--replace'),
    })
    await addToPack({ name: 'trade', source: tinyBert, pack, replace: true })

    const { router, calibration, pack: opened, close } = await loadPack(pack)
    await close()
    expect(opened.manifest.experts).toHaveLength(1)
    expect(router.experts).toEqual([])
    expect(calibration!.similarity.experts).toEqual({})
    await expectTidy(pack)
  })
})

describe('what cannot join a pack', () => {
  it('is LoRA where the base is a table, or another model', async () => {
    const single = peftFixture('single')

    await expect(addToPack({ name: 'law', source: single, out: join(folder(), 'pack') })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('a token table as its base'),
    })
    const other = transformerPack()
    const weights = join(folder(), 'adapter')
    mkdirSync(weights)
    await expect(addToPack({ name: 'law', source: weights, pack: other })).rejects.toThrow(
      /No LoRA adapter \(adapter_config\.json\) and no model/,
    )
    await expect(addToPack({ name: 'law', source: join(weights, 'gone'), pack: other })).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
    await expect(addToPack({ name: 'law', source: '', pack: other })).rejects.toThrow(/source is missing/)
    await expect(addToPack({ name: 'general', source: single, pack: other })).rejects.toThrow(/is the base itself/)
    expect(await entries(other)).toEqual([])
  })

  it('goes into no installed package and over nothing else', async () => {
    await expect(addToPack({ ...taught, pack: bundledPack() })).rejects.toThrow(/lies in an installed package/)
    await expect(addToPack({ ...taught, out: folder({ 'diary.txt': 'x' }) })).rejects.toThrow(/a directory with other files/)
  })

  it('changes nothing when it is stopped on the way', async () => {
    const pack = tablePack()
    const before = manifestText(pack)
    for (const stage of ['open', 'score', 'route', 'write'] as const) {
      const stop = new AbortController()
      const stopped = addToPack({
        ...taught,
        pack,
        signal: stop.signal,
        onProgress: (progress) => {
          if (progress.stage === stage && stage !== 'write') stop.abort()
          if (stage === 'write') stop.abort()
        },
      })
      await expect(stopped, stage).rejects.toMatchObject({ name: 'AbortError' })
    }
    expect(manifestText(pack)).toBe(before)
    expect(readdirSync(pack).sort()).toEqual(['base', 'pack.json'])
  })
})

describe('an expert that leaves a pack', () => {
  it('takes its files, its routes and its scale with it', async () => {
    const pack = tablePack()
    await addToPack({ ...taught, pack })
    await addToPack({ name: 'clinic', source: tinyBert, pack })

    const removed = await removeFromPack({ name: 'trade', pack })

    expect(removed).toEqual({ name: 'trade', pack, left: ['clinic'] })
    const { router, calibration, experts, close } = await loadPack(pack)
    await close()
    expect(experts.map(({ name }) => name)).toEqual(['general', 'clinic'])
    expect(router.experts).toEqual([])
    expect(calibration!.similarity.experts).toEqual({})
    await expectTidy(pack)
  })

  it('leaves a copy without it where one is wanted, and the bundled pack as it is', async () => {
    const out = join(folder(), 'pack')

    await removeFromPack({ name: 'shell', pack: bundledPack(), out })

    expect((await entries(out)).map(({ name }) => name)).not.toContain('shell')
    const [before, after] = [await loadPack(bundledPack()), await loadPack(out)]
    for (const each of [before, after]) await each.close()
    expect(after.router.experts).toEqual(before.router.experts.filter((name) => name !== 'shell'))
    expect(Object.keys(after.calibration!.similarity.experts)).not.toContain('shell')
    await expect(removeFromPack({ name: 'shell', pack: bundledPack() })).rejects.toThrow(/installed package/)
  })

  it('does not take files that another still needs', async () => {
    const pack = tablePack([clinic, { ...clinic, name: 'other' }], clinicFiles)

    await removeFromPack({ name: 'clinic', pack })

    await (await loadPack(pack)).close()
    await removeFromPack({ name: 'other', pack })
    expect(existsSync(join(pack, 'models'))).toBe(false)
  })

  it('must be there, and is not the base', async () => {
    const pack = tablePack([clinic], clinicFiles)

    await expect(removeFromPack({ name: 'law', pack })).rejects.toMatchObject({ code: 'UNKNOWN_EXPERT', known: ['general', 'clinic'] })
    await expect(removeFromPack({ name: 'general', pack })).rejects.toThrow(/the base of the pack/)
  })
})

describe('the description of an expert', () => {
  it('says of a LoRA expert its rank, its layers, its size and its one pass', async () => {
    const pack = transformerPack()
    await addToPack({ name: 'law', source: peftFixture('half'), pack, description: 'Statutes' })

    const { space, ...details } = await describeExpert(pack, 'law')

    expect(details).toEqual({
      name: 'law',
      kind: 'lora',
      description: 'Statutes',
      bytes: 10_352 + 911,
      rank: 4,
      targets: {
        'attention.output.dense': 2,
        'attention.self.key': 2,
        'attention.self.query': 2,
        'attention.self.value': 2,
        'intermediate.dense': 2,
        'output.dense': 2,
      },
      late: true,
      sharesSpace: true,
      routed: false,
      cost: { passes: 1, of: 'base', requests: 0 },
    })
    expect(space).toBe((await describeExpert(pack, 'general')).space)
  })

  it('says of the bundled experts what they change, what they were worth and that they cost no pass', async () => {
    const medical = await describeExpert(bundledPack(), 'medical')

    expect(medical).toMatchObject({ kind: 'table', routed: true, sharesSpace: true, cost: { passes: 0, requests: 0 } })
    expect(medical.rows).toBeGreaterThan(100)
    expect(medical.sets!.length).toBeGreaterThan(0)
    expect(medical.heldOut!.expert).toBeGreaterThan(0)
    await expect(describeExpert(bundledPack(), 'law')).rejects.toMatchObject({ code: 'UNKNOWN_EXPERT' })
  })
})

describe('pairs from a file', () => {
  it('judge and teach as pairs in memory do', async () => {
    const file = join(
      folder({ 'trade.jsonl': everydayPairs.map((pair) => JSON.stringify({ query: pair.query, passage: pair.document })).join('\n') }),
      'trade.jsonl',
    )
    const [one, other] = [tablePack(), tablePack()]

    const fromFile = await addToPack({ ...taught, pairs: await readPairs(file), pack: one })
    const fromMemory = await addToPack({ ...taught, pack: other })

    expect(fromFile.heldOut!.expert).toEqual(fromMemory.heldOut!.expert)
  })
})
