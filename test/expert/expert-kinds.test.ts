import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { onnxEncoder } from '../../src/encoder/onnx.ts'
import { loraEncoder } from '../../src/encoder/lora.ts'
import { readPeft } from '../../src/encoder/lora/peft.ts'
import { isDense } from '../../src/expert/expert.ts'
import type { PackExpert } from '../../src/expert/pack.ts'
import { loadPack } from '../../src/load-pack.ts'
import { openPilotfish } from '../../src/open.ts'
import { saveRouter } from '../../src/routing/saved-router.ts'
import { textRouter } from '../../src/routing/text-router.ts'
import { writeSafetensors } from '../../src/safetensors.ts'
import { expectClose } from '../conformance/encoder.ts'
import { fakeEndpoint } from '../encoder/fake-endpoint.ts'
import { tinyStatic } from '../encoder/model-paths.ts'
import { clinic, clinicFiles, law, lawFiles, tablePack, transformerPack } from './packs.ts'

const question = 'is there a form for the loan?'
const remote = (url: string, more: object = {}): PackExpert => ({
  name: 'letters',
  kind: 'remote',
  endpoint: { url: `${url}/v1/embeddings`, model: 'letters', dimensions: 26, ...more },
})

describe('a LoRA expert in a pack', () => {
  it('reads questions by the changed layers of the base, whose documents it searches', async () => {
    const directory = transformerPack([law], lawFiles)
    const pack = await loadPack(directory)
    const [general, expert] = pack.experts.filter(isDense)

    const [own] = await expert!.queryEncoder.encode([question])
    const [plain] = await general!.queryEncoder.encode([question])

    expect(expert).toMatchObject({ kind: 'lora', name: 'law', description: 'Statutes' })
    expect(expert!.documentEncoder.id).toBe(general!.documentEncoder.id)
    expect(own).not.toEqual(plain)
    const base = await onnxEncoder(join(directory, 'base'))
    const changed = await loraEncoder(base, (await readPeft(join(directory, 'experts/law'))).weights)
    expectClose(own!, (await changed.encode([question]))[0]!)
    for (const each of [changed, base, pack]) await each.close()
  })

  it('answers beside the base over documents that were embedded once', async () => {
    const fish = await openPilotfish({ pack: transformerPack([law], lawFiles) })
    await fish.add([
      { id: 'a', text: 'A lease ends after its notice period.' },
      { id: 'b', text: 'Unpack the archive.' },
    ])

    const asked = await fish.retrieve(question, { expert: 'law', lexicalWeight: 0 })
    const { spaces } = await fish.info()
    const listed = fish.experts.list()
    await fish.close()

    expect(asked.hits).toHaveLength(2)
    expect(asked.hits.every(({ expert }) => expert === 'law')).toBe(true)
    expect(spaces).toHaveLength(1)
    expect(listed[1]).toMatchObject({ name: 'law', kind: 'lora', routed: false, space: spaces[0]!.space })
  })

  it('made for another model is refused with the layers that do not fit', async () => {
    const directory = transformerPack([law], lawFiles)
    const path = join(directory, 'experts/law/adapter_model.safetensors')
    writeFileSync(path, Buffer.from(readFileSync(path, 'latin1').replaceAll('layer.1', 'layer.7'), 'latin1'))

    const opened = loadPack(directory)

    await expect(opened).rejects.toMatchObject({ code: 'INVALID_PACK', path: directory })
    await expect(opened).rejects.toThrow(
      /the expert "law", which cannot be used: .*no linear layer encoder\.layer\.7\.attention\.self\.query/,
    )
  })

  it('whose files are gone is refused by name', async () => {
    const directory = transformerPack([law], lawFiles)
    rmSync(join(directory, 'experts'), { recursive: true })

    await expect(loadPack(directory)).rejects.toThrow(/the expert "law", which cannot be used: No file of a LoRA adapter/)
  })
})

describe('a model expert in a pack', () => {
  it('has its documents embedded by itself, once for each document encoder, and is routed to', async () => {
    const directory = tablePack([clinic], clinicFiles)
    const pilots = async (texts: readonly string[]) => {
      const { base, close } = await loadPack(directory)
      const vectors = await base.encode(texts)
      await close()
      return texts.map((text, i) => ({ text, vector: vectors[i]! }))
    }
    const questions = ['ibuprofen dose for a child', 'fever of a child', 'is the dose with fever a list?', 'child and ibuprofen']
    const saved = saveRouter(textRouter([{ expert: 'clinic', pilots: await pilots(questions), lexicalWeight: 0 }]))
    const manifest = JSON.parse(readFileSync(join(directory, 'pack.json'), 'utf8')) as object
    writeFileSync(join(directory, 'pack.json'), JSON.stringify({ ...manifest, router: saved.manifest }))
    writeFileSync(join(directory, 'pilots.safetensors'), writeSafetensors(saved.tensors))

    const fish = await openPilotfish({ pack: directory })
    await fish.add([
      { id: 'a', text: 'ibuprofen dose for a child' },
      { id: 'b', text: 'unpack the archive' },
    ])
    const { hits, route } = await fish.retrieve('ibuprofen dose for a child')
    const { spaces } = await fish.info()
    await fish.close()

    expect(spaces.map(({ vectors }) => vectors)).toEqual([2, 2])
    expect(new Set(spaces.map(({ space }) => space)).size).toBe(2)
    expect(route.experts[0]!.name).toBe('clinic')
    expect(hits[0]).toMatchObject({ document: { id: 'a' }, expert: 'clinic' })
    expect(hits[0]!.similarity).toBeCloseTo(1, 4)
  })

  it('reads questions and documents by prompts of their own', async () => {
    const prompts = { kind: 'onnx', queryPrompt: 'query', documentPrompt: 'document' } as const
    const { experts, close } = await loadPack(tablePack([{ ...clinic, model: prompts }], clinicFiles))
    const [, expert] = experts.filter(isDense)

    expect(expert!.queryEncoder.id).not.toBe(expert!.documentEncoder.id)
    await close()
  })

  it('may search the documents as the base embeds them', async () => {
    const other = { ...clinic, model: { kind: 'onnx', documents: 'base' } } as const
    const { experts, close } = await loadPack(tablePack([other], clinicFiles))
    const [general, expert] = experts.filter(isDense)

    expect(expert!.documentEncoder.id).toBe(general!.documentEncoder.id)
    expect(expert!.queryEncoder.id).not.toBe(general!.queryEncoder.id)
    await close()
    await expect(loadPack(transformerPack([other], clinicFiles))).rejects.toThrow(
      /the expert "clinic", .*holds 32-dimensional vectors but was given one with 16/,
    )
  })

  it('may be a token table, and shares a space with experts of the same model', async () => {
    const table: PackExpert = { name: 'words', kind: 'model', path: 'models/words', model: { kind: 'static' } }
    const { experts, base, close } = await loadPack(tablePack([table], { 'models/words': tinyStatic }))

    expect(experts.filter(isDense)[1]!.documentEncoder.id).toBe(base.id)
    await close()
  })
})

describe('a remote expert in a pack', () => {
  it('is not asked before it is needed, then embeds documents and questions at its endpoint', async () => {
    const server = await fakeEndpoint()
    const fish = await openPilotfish({ pack: tablePack([remote(server.url)]) })
    expect(server.asked).toEqual([])

    await fish.add([
      { id: 'a', text: 'zebra' },
      { id: 'b', text: 'archive' },
    ])
    const { hits } = await fish.retrieve('a zebra', { expert: 'letters', lexicalWeight: 0 })
    await fish.close()

    expect(hits[0]!.document.id).toBe('a')
    expect(server.asked.map(({ body }) => body.input)).toEqual([['zebra', 'archive'], ['a zebra']])
  })

  it('opens without a network and without its key, and says what is missing when it is asked', async () => {
    const fish = await openPilotfish({ pack: tablePack([remote('http://127.0.0.1:1', { apiKeyVariable: 'NO_SUCH_KEY' })]) })

    await expect(fish.retrieve('x', { expert: 'letters' })).rejects.toThrow(/environment variable NO_SUCH_KEY/)
    expect((await fish.retrieve('x')).route.experts[0]!.name).toBe('general')
    await fish.close()
  })
})

describe('a pack that is closed', () => {
  it('closes every encoder that it opened, twice at no harm', async () => {
    const letters = remote('http://127.0.0.1:1')
    const pack = await loadPack(transformerPack([law, clinic, letters], { ...lawFiles, ...clinicFiles }))
    const encoders = pack.experts.filter(isDense).flatMap(({ queryEncoder, documentEncoder }) => [queryEncoder, documentEncoder])
    expect(encoders).toHaveLength(8)

    await Promise.all([pack.close(), pack.close()])

    for (const encoder of encoders) await expect(encoder.encode(['x'])).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

describe('a pack.json', () => {
  const endpoint = { url: 'http://a/embed', model: 'm', dimensions: 2 }

  it.each([
    [
      { ...clinic, name: 'general', kind: 'other' },
      /the expert "general" of kind "other"; table, adapter, lora, instruction, model, remote and lexical are known/,
    ],
    [{ ...law, path: undefined }, /no directory for the LoRA expert "law"/],
    [law, /the LoRA expert "law", which changes the layers of a transformer, but its base is static/],
    [{ ...clinic, path: undefined }, /of the model expert "clinic" either a directory \(path\) or a repository/],
    [{ ...clinic, hub: { repository: 'a/b', revision: 'main' } }, /"clinic" either a directory/],
    [
      { ...clinic, path: undefined, hub: { repository: '../x/y', revision: 'main' } },
      /hub repository for the model expert "clinic" that is not of the form/,
    ],
    [{ ...clinic, path: undefined, hub: { repository: 'a/b' } }, /no revision of a\/b for the model expert "clinic"/],
    [{ ...clinic, model: { kind: 'torch' } }, /model of kind "torch" for the expert "clinic"/],
    [{ ...clinic, model: undefined }, /model of kind "undefined" for the expert "clinic"/],
    [{ ...clinic, model: { kind: 'onnx', documents: 'all' } }, /"all" documents for the model expert "clinic"/],
    [{ ...clinic, model: { kind: 'onnx', queryPrompt: 1 } }, /queryPrompt for the model expert "clinic"/],
    [{ ...clinic, path: '../outside' }, /names the file "\.\.\/outside" outside itself/],
    [{ name: 'far', kind: 'remote' }, /no URL of http or https for the remote expert "far"/],
    [{ name: 'far', kind: 'remote', endpoint: { ...endpoint, url: 'ftp://a' } }, /no URL of http or https for the remote expert "far"/],
    [{ name: 'far', kind: 'remote', endpoint: { ...endpoint, apiKey: 'k' } }, /holds a key for the remote expert "far"/],
    [{ name: 'far', kind: 'remote', endpoint: { ...endpoint, url: 'http://u:k@a/embed' } }, /holds a key for the remote expert "far"/],
    [{ name: 'far', kind: 'remote', endpoint: { ...endpoint, model: '' } }, /no model for the remote expert "far"/],
    [{ name: 'far', kind: 'remote', endpoint: { ...endpoint, dimensions: '2' } }, /2 dimensions for the remote expert "far"/],
    [{ name: 'far', kind: 'remote', endpoint: { ...endpoint, protocol: 'x' } }, /protocol "x" for the remote expert "far"/],
    [{ name: 'far', kind: 'remote', endpoint: { ...endpoint, apiKeyVariable: 'sk-123' } }, /apiKeyVariable for the remote expert "far"/],
  ])('with an expert that means nothing is refused by its name: %j', async (entry, problem) => {
    const opened = loadPack(tablePack([entry]))

    await expect(opened).rejects.toMatchObject({ code: 'INVALID_PACK' })
    await expect(opened).rejects.toThrow(problem)
  })

  it('with two experts of one name is refused', async () => {
    const words: PackExpert = { name: 'words', kind: 'lexical' }

    await expect(loadPack(tablePack([words, words]))).rejects.toThrow(/two experts named "words"/)
  })
})
