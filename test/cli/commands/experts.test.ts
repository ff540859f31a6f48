import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openPack } from '../../../src/expert/pack.ts'
import { bundledPack } from '../../../src/load-pack.ts'
import { fakeEndpoint } from '../../encoder/fake-endpoint.ts'
import { tinyBert } from '../../encoder/model-paths.ts'
import { peftFixture, tablePack, transformerPack } from '../../expert/packs.ts'
import { everydayPairs } from '../../pack-training/pairs.ts'
import { folder } from '../folder.ts'
import { terminal } from '../terminal.ts'

const lines = everydayPairs.map(({ query, document }) => JSON.stringify({ query, passage: document }))
const english = join(bundledPack(), 'base')

describe('pilotfish experts', () => {
  it('lists, with or without saying so', async () => {
    const { execute } = terminal()

    const [bare, said, json] = [await execute('experts'), await execute('experts', 'list'), await execute('experts', '--json')]

    expect(said).toEqual({ ...bare, json: expect.any(Function) })
    expect(bare.stdout).toMatch(/^medical +adapter/m)
    expect(json.json()).toHaveLength(3)
  })

  it('names its commands when given another', async () => {
    expect(await terminal().execute('experts', 'drop')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/no command "experts drop".*info NAME, add SOURCE, remove NAME/),
    })
    expect(await terminal().execute('experts', 'add', '--help')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('--api-key-variable'),
    })
    expect(await terminal().execute('experts', 'remove', 'x')).toMatchObject({ code: 2, stderr: expect.stringContaining('--pack') })
  })
})

describe('pilotfish experts add', () => {
  it('puts a model into a pack, judges it by pairs of several files, and says how to use it', async () => {
    const pack = tablePack()
    const files = folder({ 'a.jsonl': lines.slice(0, 7).join('\n'), 'b.jsonl': [...lines.slice(7), '{"query":"no passage"}'].join('\n') })
    const { execute } = terminal()

    const { code, stdout, stderr } = await execute(
      'experts',
      'add',
      english,
      '--name',
      'daily',
      '--pack',
      pack,
      '--pairs',
      join(files, 'a.jsonl'),
      join(files, 'b.jsonl'),
    )

    expect(code).toBe(0)
    expect(stderr).toContain('b.jsonl:6 has no "passage"; skipped')
    expect(stdout).toContain('Judged by 12 questions over 12 passages')
    for (const system of ['BM25', 'general', 'daily', 'general \\+ BM25', 'daily \\+ BM25'])
      expect(stdout).toMatch(new RegExp(`^  ${system} +\\d+\\.\\d +\\d+\\.\\d`, 'm'))
    expect(stdout).toMatch(/\+\d+\.\d over general, 95 % interval/)
    expect(stdout).toMatch(/\d+ % of its 3 unseen questions reach daily/)
    expect(stdout).toContain('--reembed once')
    expect((await openPack(pack)).manifest.experts[0]).toMatchObject({ name: 'daily', kind: 'model' })
  })

  it('adds without pairs, and says that the router knows nothing of it', async () => {
    const pack = transformerPack()

    const { stdout } = await terminal().execute('experts', 'add', peftFixture('single'), '--name', 'law', '--pack', pack)

    expect(stdout).toContain(`law, a LoRA expert, is in ${pack}.`)
    expect(stdout).toContain('only when named: the router knows no questions of it. Give some with --pairs FILE')
    expect(stdout).toContain('indexes made with the pack open as before')
    expect(stdout).toContain(`--pack ${pack} --expert law`)
  })

  it('makes an expert of the base and a task, and says that the task asks it', async () => {
    const pack = transformerPack()
    const { execute } = terminal()

    const { stdout } = await execute('experts', 'add', '--name', 'qa-instructions', '--task', 'qa', '--pack', pack)
    const info = await execute('experts', 'info', 'qa-instructions', '--pack', pack)

    expect(stdout).toContain(`qa-instructions, an instruction expert for the task qa, is in ${pack}.`)
    expect(stdout).toContain('when named or for its task: the router knows no questions of it')
    expect(stdout).toContain(`--pack ${pack} --task qa`)
    expect(stdout).toContain('--reembed once')
    expect(info.stdout).toMatch(
      /^qa-instructions instruction\n {2}task +qa\n {2}before +questions "Represent this query .*documents "Represent/,
    )
    expect(info.stdout).toContain('asked     when named, or for its task')
    expect(info.stdout).toContain('another behind its instruction')
    expect(await execute('experts', 'add', '--name', 'x', '--pack', pack)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('or none, and one of the six tasks'),
    })
  })

  it('binds what it adds to a task, with the prompts and the document side it is told', async () => {
    const pack = transformerPack()
    const add = (...rest: string[]) => terminal().execute('experts', 'add', ...rest, '--task', 'tool', '--pack', pack, '--json')

    const tied = await add(peftFixture('single'), '--name', 'tied', '--own-documents', '--query-prompt', 'Q: ', '--document-prompt', 'D: ')
    await add(tinyBert, '--name', 'clinic', '--query-prompt', 'Q: ')

    expect(tied.json()).toMatchObject({ name: 'tied', kind: 'lora', task: 'tool', sharesSpace: false })
    const [lora, model] = (await openPack(pack)).manifest.experts
    expect(lora).toMatchObject({ task: 'tool', documents: 'own', instructions: { query: 'Q: ', document: 'D: ' } })
    expect(model).toMatchObject({ task: 'tool', model: { queryPrompt: 'Q: ', documentPrompt: 'document' } })
    expect(model).not.toHaveProperty('instructions')
    expect(await add(peftFixture('single'), '--name', 'x', '--own-documents', '--base-documents')).toMatchObject({ code: 2 })
  })

  it('takes what it is told of a model and of an endpoint', async () => {
    const [pack, server] = [tablePack(), await fakeEndpoint()]
    const { execute } = terminal()
    const add = (...rest: string[]) => execute('experts', 'add', ...rest, '--pack', pack, '--json')

    const model = await add(tinyBert, '--name', 'clinic', '--dtype', 'q8', '--pooling', 'cls', '--query-prompt', 'ask: ')
    const endpoint = await add(
      `${server.url}/v1/embeddings`,
      '--name',
      'letters',
      '--model',
      'letters',
      '--dimensions',
      '26',
      '--description',
      'Far',
    )

    expect(model.json()).toEqual({ name: 'clinic', kind: 'model', pack, routed: false, sharesSpace: false, skipped: 0, problems: [] })
    expect(endpoint.json()).toMatchObject({ kind: 'remote', routed: false })
    expect(server.asked).toEqual([])
    const [clinic, letters] = (await openPack(pack)).manifest.experts
    expect(clinic!.model).toEqual({ kind: 'onnx', dtype: 'q8', pooling: 'cls', queryPrompt: 'ask: ', documentPrompt: 'document' })
    expect(letters).toMatchObject({
      description: 'Far',
      endpoint: { url: `${server.url}/v1/embeddings`, model: 'letters', dimensions: 26 },
    })
  })

  it('does not keep an expert that gains nothing, and gives the figures', async () => {
    const pack = tablePack()
    const before = readFileSync(join(pack, 'pack.json'), 'utf8')
    const pairs = join(folder({ 'p.jsonl': lines.join('\n') }), 'p.jsonl')
    const { execute } = terminal()
    const options = ['experts', 'add', join(pack, 'base'), '--name', 'same', '--pack', pack, '--pairs', pairs] as const

    const { code, stderr } = await execute(...options)
    const json = await execute(...options, '--json')

    expect(code).toBe(1)
    expect(stderr).toMatch(/"same" was not added: nDCG@10 \d+\.\d on these questions, where the general one has \d+\.\d\.\n.*--force/)
    expect(json.json()).toMatchObject({ name: 'same', refused: true, heldOut: { general: expect.any(Number), expert: expect.any(Number) } })
    expect(readFileSync(join(pack, 'pack.json'), 'utf8')).toBe(before)
  })

  it('leaves the pack as it was when interrupted', async () => {
    const pack = tablePack()
    const before = readFileSync(join(pack, 'pack.json'), 'utf8')
    const pairs = join(folder({ 'p.jsonl': lines.join('\n') }), 'p.jsonl')
    const { execute, interrupt } = terminal()

    const running = execute('experts', 'add', english, '--name', 'daily', '--pack', pack, '--pairs', pairs)
    const again = setInterval(() => interrupt('SIGINT'), 1)
    const { code, stderr } = await running
    clearInterval(again)

    expect(code).toBe(130)
    expect(stderr).toContain('The pack is as it was')
    expect(readFileSync(join(pack, 'pack.json'), 'utf8')).toBe(before)
  })

  it('names what is wrong, and writes nothing', async () => {
    const out = join(folder(), 'pack')
    const { execute } = terminal()
    const add = (source: string, ...rest: string[]) => execute('experts', 'add', source, '--name', 'x', '--out', out, ...rest)

    expect(await add(peftFixture('single'))).toMatchObject({ code: 1, stderr: expect.stringContaining('a token table as its base') })
    expect(await add('./nowhere')).toMatchObject({ code: 1, stderr: expect.stringContaining('No model directory at ./nowhere') })
    expect(await add('https://example.org/embed')).toMatchObject({ code: 2, stderr: expect.stringContaining('(--model)') })
    expect(await add('https://example.org/x', '--model', 'm', '--dimensions', '2')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('neither in /embeddings nor'),
    })
    expect(await execute('experts', 'add', english, '--name', 'a b')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('letters, digits'),
    })
    expect(await execute('experts', 'add', english, '--name', 'x', '--pack', bundledPack())).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--out'),
    })
    expect(existsSync(out)).toBe(false)
  })
})

describe('pilotfish experts info', () => {
  it('shows rank, layers, size, space and what a query costs', async () => {
    const pack = transformerPack()
    const { execute } = terminal()
    await execute('experts', 'add', peftFixture('single'), '--name', 'law', '--description', 'Statutes', '--pack', pack)

    const { stdout } = await execute('experts', 'info', 'law', '--pack', pack)

    expect(stdout).toMatch(
      /^law lora {2}Statutes\n {2}size +6 kB in the pack\n {2}rank +4, of attention\.self\.query × 2, attention\.self\.value × 2\n/,
    )
    expect(stdout).toMatch(/space +onnx-[0-9a-f]{16}, as the base embeds documents/)
    expect(stdout).toContain('asked     when named, or when no expert fits')
    expect(stdout).toContain('another of its session with changed layers')
  })

  it('shows the bundled experts when no pack is named, as JSON too', async () => {
    const { execute } = terminal()

    const [text, json] = [await execute('experts', 'info', 'shell'), await execute('experts', 'info', 'shell', '--json')]

    expect(text.stdout).toMatch(/figures +nDCG@10, held out: general \d+\.\d → \d+\.\d/)
    expect(text.stdout).toContain('and microseconds')
    expect(json.json()).toMatchObject({ name: 'shell', kind: 'table', routed: true, cost: { passes: 0, requests: 0 } })
    expect(await execute('experts', 'info', 'law')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Known experts: general, medical'),
    })
  })

  it('says where texts are sent', async () => {
    const endpoint = { url: 'http://127.0.0.1:1/embed', model: 'letters', dimensions: 26, apiKeyVariable: 'LETTERS_KEY' }
    const pack = tablePack([{ name: 'far', kind: 'remote', endpoint }])

    const { stdout } = await terminal().execute('experts', 'info', 'far', '--pack', pack)

    expect(stdout).toContain('letters at http://127.0.0.1:1/embed, 26 dimensions: texts are sent there')
    expect(stdout).toContain('in the environment variable LETTERS_KEY')
    expect(stdout).toContain('and a request')
  })
})

describe('pilotfish experts remove', () => {
  it('takes an expert out, in place or in a copy', async () => {
    const pack = transformerPack()
    const out = join(folder(), 'copy')
    const { execute } = terminal()
    for (const name of ['law', 'rent']) await execute('experts', 'add', peftFixture('single'), '--name', name, '--pack', pack)

    const copy = await execute('experts', 'remove', 'law', '--pack', pack, '--out', out)
    const inPlace = await execute('experts', 'remove', 'law', '--pack', pack, '--json')

    expect(copy.stdout).toBe(`law is out of ${out}. There are left: general, rent.\n`)
    expect(inPlace.json()).toEqual({ name: 'law', pack, left: ['rent'] })
    for (const each of [pack, out]) expect((await openPack(each)).manifest.experts.map(({ name }) => name)).toEqual(['rent'])
    expect(await execute('experts', 'remove', 'law', '--pack', pack)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Known experts: general, rent'),
    })
    expect(await execute('experts', 'remove', 'shell', '--pack', bundledPack())).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--out'),
    })
  })
})
