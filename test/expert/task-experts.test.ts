import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { lowRankAdapter } from '../../src/encoder/adapted.ts'
import type { Encoder } from '../../src/encoder/encoder.ts'
import { instructionEncoder } from '../../src/encoder/instruction.ts'
import { loraEncoder } from '../../src/encoder/lora.ts'
import { readPeft } from '../../src/encoder/lora/peft.ts'
import { onnxEncoder } from '../../src/encoder/onnx.ts'
import { isDense } from '../../src/expert/expert.ts'
import type { PackExpert } from '../../src/expert/pack.ts'
import { loadPack, type LoadedPack } from '../../src/load-pack.ts'
import { openPilotfish } from '../../src/open.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { adapterFile, buildPilots, tableFile, type PilotSet } from '../../src/train/index.ts'
import type { Vector } from '../../src/vector.ts'
import { expectClose } from '../conformance/encoder.ts'
import { evaluatePack } from '../../src/eval/index.ts'
import { beir } from '../eval/beir-fixture.ts'
import { everydayPairs } from '../pack-training/pairs.ts'
import { clinic, clinicFiles, law, lawFiles, peftFixture, tablePack, transformerPack } from './packs.ts'

// Short ones: the token table of the tests reads 32 tokens.
const [before, key] = ['list: ', 'file: ']
const instructions = { query: before, document: key }
const question = 'a form for the loan'

const weights = (dimensions: number) => ({
  down: Float32Array.from({ length: 2 * dimensions }, (_, i) => Math.sin(i)),
  up: Float32Array.from({ length: 2 * dimensions }, (_, i) => Math.cos(i)),
  rank: 2,
  dimensions,
})
const adapterOf = (dimensions: number) => lowRankAdapter({ ...weights(dimensions), id: 'any' })

/** A file of a pack. */
function fileOf(content: Uint8Array): string {
  const path = join(mkdtempSync(join(tmpdir(), 'pilotfish-')), 'weights.safetensors')
  writeFileSync(path, content)
  return path
}

const adapter = (more: object = {}): PackExpert => ({
  name: 'answers',
  kind: 'adapter',
  path: 'experts/a.safetensors',
  task: 'qa',
  ...more,
})
const adapterFiles = (dimensions: number) => ({ 'experts/a.safetensors': fileOf(adapterFile({ ...weights(dimensions) })) })
const table = (more: object = {}): PackExpert => ({ name: 'answers', kind: 'table', path: 'experts/t.safetensors', ...more })
const tableFiles = () => {
  const deltas = Float32Array.from({ length: 3 * 16 }, (_, i) => Math.sin(7 * i))
  return { 'experts/t.safetensors': fileOf(tableFile({ rows: Uint32Array.of(3, 5, 8), deltas }, 16, 8)) }
}

async function opened(directory: string): Promise<LoadedPack & { readonly dense: ReturnType<typeof denseOf> }> {
  const pack = await loadPack(directory)
  onTestFinished(() => pack.close())
  return { ...pack, dense: denseOf(pack) }
}
const denseOf = ({ experts }: LoadedPack) => experts.filter(isDense)
const vectorOf = async (encoder: Encoder, text: string): Promise<Vector> => (await encoder.encode([text]))[0]!

describe('an instruction expert in a pack', () => {
  const entry = { name: 'answers', kind: 'instruction', task: 'qa', instructions }

  it.each([
    ['a transformer', transformerPack],
    ['a token table', tablePack],
  ])('is the base of %s with a task before its texts', async (_, packOf) => {
    const { base, dense } = await opened(packOf([entry]))

    expect(dense[1]).toMatchObject({ kind: 'instruction', name: 'answers', task: 'qa' })
    expect(dense[1]!.queryEncoder.id).toBe(instructionEncoder(base, before).id)
    expect(dense[1]!.documentEncoder.id).toBe(instructionEncoder(base, key).id)
    expectClose(await vectorOf(dense[1]!.queryEncoder, question), await vectorOf(base, before + question))
    expectClose(await vectorOf(dense[1]!.documentEncoder, question), await vectorOf(base, key + question))
  })

  it('searches the documents of the base where it has an instruction for questions alone', async () => {
    const { base, dense } = await opened(tablePack([{ ...entry, instructions: { query: before } }]))

    expect(dense[1]!.documentEncoder.id).toBe(base.id)
    expect(dense[1]!.queryEncoder.id).not.toBe(base.id)
  })

  it('shares its space with others of the same document instruction, and answers whoever asks with its task', async () => {
    const other = { ...entry, name: 'others', task: 'faq', instructions: { query: 'Q: ', document: key } }
    const fish = await openPilotfish({ pack: transformerPack([entry, other]) })
    await fish.add([
      { id: 'a', text: 'A form for the loan' },
      { id: 'b', text: 'Unpack the archive.' },
    ])

    const { hits, route } = await fish.retrieve(question, { task: 'faq', lexicalWeight: 0 })
    const { spaces } = await fish.info()
    const listed = fish.experts.list().map(({ name, task }) => [name, task])
    await fish.close()

    expect(spaces).toHaveLength(2)
    expect(route).toMatchObject({ decision: 'forced', experts: [{ name: 'others' }] })
    expect(hits).toHaveLength(2)
    expect(listed).toEqual([
      ['general', undefined],
      ['answers', 'qa'],
      ['others', 'faq'],
    ])
  })
})

describe('an adapter expert in a pack', () => {
  it('behind an instruction adapts the vector of the instructed question, in a pass of its own', async () => {
    const { base, dense } = await opened(transformerPack([adapter({ instructions: { query: before } })], adapterFiles(32)))
    const expert = dense[1]!

    expect(expert).toMatchObject({ kind: 'instruction', task: 'qa' })
    expect(expert).not.toHaveProperty('adapt')
    expectClose(await vectorOf(expert.queryEncoder, question), adapterOf(32)(await vectorOf(base, before + question)))
    expect(expert.documentEncoder.id).toBe(base.id)
  })

  it('without one adapts the vector that routed the question, whatever stands before documents', async () => {
    const { base, dense } = await opened(transformerPack([adapter({ instructions: { document: key } })], adapterFiles(32)))

    expect(dense[1]).toMatchObject({ kind: 'adapter', task: 'qa' })
    expect(dense[1]!.documentEncoder.id).toBe(instructionEncoder(base, key).id)
  })

  it('of tied encoders adapts documents too, with the document instruction', async () => {
    const { base, dense } = await opened(tablePack([adapter({ instructions, documents: 'own' })], adapterFiles(16)))
    const expert = dense[1]!

    expectClose(await vectorOf(expert.documentEncoder, question), adapterOf(16)(await vectorOf(base, key + question)))
    expect(new Set([base.id, expert.queryEncoder.id, expert.documentEncoder.id]).size).toBe(3)
  })

  it('of tied encoders without instructions has one encoder for both sides', async () => {
    const { dense } = await opened(tablePack([adapter({ documents: 'own' })], adapterFiles(16)))

    expect(dense[1]!.kind).toBe('adapter')
    expect(dense[1]!.documentEncoder).toBe(dense[1]!.queryEncoder)
  })
})

describe('a table expert in a pack', () => {
  it('reads its instructions with its changed rows, and embeds documents where its encoders are tied', async () => {
    const plain = await opened(tablePack([table()], tableFiles()))
    const tied = await opened(tablePack([table({ instructions, documents: 'own' })], tableFiles()))
    const changed = plain.dense[1]!.queryEncoder

    expect(tied.dense[1]!.kind).toBe('table')
    expectClose(await vectorOf(tied.dense[1]!.queryEncoder, question), await vectorOf(changed, before + question))
    expectClose(await vectorOf(tied.dense[1]!.documentEncoder, question), await vectorOf(changed, key + question))
    expect(plain.dense[1]!.documentEncoder).toBe(plain.base)
  })
})

describe('a LoRA expert in a pack', () => {
  it('reads its instructions by its changed layers, and embeds documents where its encoders are tied', async () => {
    const directory = transformerPack(
      [
        { ...law, instructions, documents: 'own', task: 'qa' },
        { ...law, name: 'plain', instructions: { document: key } },
      ],
      lawFiles,
    )
    const { base, dense } = await opened(directory)
    const own = await onnxEncoder(join(directory, 'base'))
    const changed = await loraEncoder(own, (await readPeft(peftFixture('single'))).weights)

    expect(dense[1]).toMatchObject({ kind: 'lora', task: 'qa' })
    expectClose(await vectorOf(dense[1]!.queryEncoder, question), await vectorOf(changed, before + question))
    expectClose(await vectorOf(dense[1]!.documentEncoder, question), await vectorOf(changed, key + question))
    expectClose(await vectorOf(dense[2]!.queryEncoder, question), await vectorOf(changed, question))
    expect(dense[2]!.documentEncoder.id).toBe(instructionEncoder(base, key).id)
    for (const each of [changed, own]) await each.close()
  })
})

describe('a model expert in a pack', () => {
  it('takes instructions as its prompts', async () => {
    const model = { ...clinic, model: { kind: 'onnx' } } as const
    const prompts = { kind: 'onnx', queryPrompt: before, documentPrompt: key } as const
    const { dense } = await opened(
      tablePack(
        [
          { ...model, instructions },
          { ...model, name: 'same', model: prompts },
        ],
        clinicFiles,
      ),
    )

    expect(dense[1]!.queryEncoder.id).toBe(dense[2]!.queryEncoder.id)
    expect(dense[1]!.documentEncoder.id).toBe(dense[2]!.documentEncoder.id)
    expect(dense[1]!.queryEncoder.id).not.toBe(dense[1]!.documentEncoder.id)
  })

  it('trained against the documents of the base may search them behind an instruction', async () => {
    const { base, dense } = await opened(tablePack([{ ...clinic, model: { kind: 'onnx', documents: 'base' }, instructions }], clinicFiles))

    expect(dense[1]!.documentEncoder.id).toBe(instructionEncoder(base, key).id)
  })
})

describe('experts of tasks in one pack', () => {
  const all = [
    { name: 'answers', kind: 'instruction', task: 'qa', instructions },
    adapter({ name: 'tied', task: 'tool', instructions, documents: 'own' }),
    { ...law, instructions, task: 'chat' },
    { name: 'words', kind: 'lexical', task: 'lrlm' },
  ]
  const files = () => ({ ...lawFiles, ...adapterFiles(32) })

  it('become one router with a scale for each, whatever stands before their texts', async () => {
    const pack = await opened(transformerPack(all, files()))
    const store = memoryStore()
    const encoders = new Map(pack.dense.map(({ documentEncoder }) => [documentEncoder.id, documentEncoder]))
    for (const [i, { document }] of everydayPairs.entries()) {
      const vectors: Record<string, Vector> = {}
      for (const [space, encoder] of encoders) vectors[space] = await vectorOf(encoder, String(document))
      await store.upsert([{ document: { id: String(i), text: String(document) }, hash: '', vectors }])
    }
    const set = (expert: string, from: number): PilotSet => ({
      name: `${expert} questions`,
      expert,
      queries: everydayPairs.slice(from, from + 4).map(({ query }, i) => ({ text: query, grades: new Map([[String(from + i), 1]]) })),
    })

    const { router, calibration } = await buildPilots({
      sets: [set('answers', 0), set('tied', 4), set('law', 8)],
      experts: pack.experts,
      base: pack.base,
      search: (queries, options) => store.search(queries, options),
    })

    expect(encoders.size).toBe(3)
    expect(router.experts).toEqual(['answers', 'tied', 'law'])
    expect(Object.keys(calibration.similarity.experts).sort()).toEqual(['answers', 'general', 'law', 'tied'])
  })

  it('are evaluated like any other, alone and as rivals', async () => {
    const set = await beir(
      'loans',
      Object.fromEntries(everydayPairs.map(({ document }, i) => [`d${i}`, String(document)])),
      Object.fromEntries(everydayPairs.map(({ query }, i) => [`q${i}`, [query, `d${i}`]])),
    )
    const systems = ['general', 'expert:answers', 'expert:tied', 'expert:law', 'routed', 'oracle:query']
    const pack = await loadPack(transformerPack(all, files()))
    onTestFinished(() => pack.close())

    const result = await evaluatePack(pack, [set], { systems })

    const scores = systems.map((system) => result.systems[system]!.mean['ndcg@10']!)
    for (const score of scores) expect(score).toBeGreaterThan(0)
    expect(Math.max(...scores)).toBe(scores.at(-1))
    expect(new Set(scores.slice(0, 4)).size).toBeGreaterThan(1)
  })

  it('are closed with it, every one', async () => {
    const pack = await loadPack(transformerPack(all, files()))
    const encoders = denseOf(pack).flatMap(({ queryEncoder, documentEncoder }) => [queryEncoder, documentEncoder])

    await Promise.all([pack.close(), pack.close()])

    expect(encoders).toHaveLength(8)
    for (const encoder of encoders) await expect(encoder.encode(['x'])).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

describe('a pack.json', () => {
  const entry = { name: 'answers', kind: 'instruction', instructions }
  const endpoint = { url: 'http://a/embed', model: 'm', dimensions: 2 }
  const remote = { name: 'far', kind: 'remote', endpoint }

  it.each([
    [{ ...entry, task: '' }, /binds the expert "answers" to the task "", which is no name/],
    [{ ...entry, task: ['qa'] }, /to the task \["qa"\], which is no name/],
    [{ ...entry, instructions: undefined }, /gives no instructions for the instruction expert "answers"/],
    [{ ...entry, instructions: 'Find: ' }, /instructions for the expert "answers" that are not texts for query and document/],
    [{ ...entry, instructions: null }, /empty instructions for the expert "answers"/],
    [{ ...entry, instructions: { query: 1 } }, /that are not texts for query and document/],
    [{ ...entry, instructions: { query: 'a: ', key: 'b: ' } }, /that are not texts for query and document/],
    [{ ...entry, instructions: { query: '' } }, /empty instructions for the expert "answers"/],
    [{ ...entry, path: 'base' }, /names files for the instruction expert "answers"/],
    [{ ...entry, documents: 'own' }, /whose documents it searches; that is for table, adapter and LoRA experts/],
    [table({ documents: 'mine' }), /"mine" documents for the expert "answers"; own and base are known/],
    [{ ...clinic, documents: 'own' }, /the model expert "clinic" beside its model whose documents it searches; say it in the model/],
    [{ ...remote, instructions }, /instructions for the remote expert "far"; give them as queryPrompt and documentPrompt/],
    [{ name: 'words', kind: 'lexical', instructions }, /instructions for the lexical expert "words"/],
    [
      { ...clinic, model: { kind: 'onnx', queryPrompt: 'query' }, instructions },
      /both an instruction and a prompt of the model for the expert "clinic"/,
    ],
  ])('with tasks or instructions that mean nothing is refused: %j', async (wrong, problem) => {
    const loading = loadPack(tablePack([wrong]))

    await expect(loading).rejects.toMatchObject({ code: 'INVALID_PACK' })
    await expect(loading).rejects.toThrow(problem)
  })

  it('with an instruction that takes all that a static base reads is refused by the expert', async () => {
    const long = { ...entry, instructions: { query: 'tar '.repeat(600) } }

    await expect(loadPack(tablePack([long]))).rejects.toThrow(
      /the expert "answers", which cannot be used: prefix takes all of the 32 tokens/,
    )
  })
})
