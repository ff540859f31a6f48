import { describe, expect, it } from 'vitest'
import type { Document } from '../../src/document.ts'
import { DimensionMismatchError, DuplicateIdError, InvalidDocumentError, InvalidVectorError } from '../../src/errors.ts'
import type { AddProgress } from '../../src/engine.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { toy, toyDocuments, toyEncoder } from '../engine-fixture.ts'

describe('add', () => {
  it('counts what it added, replaced and left alone', async () => {
    const { engine } = await toy()
    await engine.add(toyDocuments)

    const result = await engine.add([{ id: 'm1', text: 'fever' }, toyDocuments[1], { id: 'new', text: 'grep' }])

    expect(result).toEqual({ added: 1, updated: 1, unchanged: 1, truncated: 0 })
    expect(await engine.get(['m1', 'nobody'])).toEqual([{ id: 'm1', text: 'fever' }, undefined])
  })

  it('embeds no document twice while it is unchanged', async () => {
    const { engine, base } = await toy()
    await engine.add(toyDocuments)
    base.texts.length = 0

    await engine.add(toyDocuments.map((document) => ({ ...document, metadata: { ...document.metadata } })))

    expect(base.texts).toEqual([])
  })

  it('notices changed metadata, whatever the order of its keys', async () => {
    const { engine } = await toy()
    await engine.add([{ id: 'a', text: 'x', metadata: { one: 1, two: 2 } }])

    expect(await engine.add([{ id: 'a', text: 'x', metadata: { two: 2, one: 1 } }])).toMatchObject({ unchanged: 1 })
    expect(await engine.add([{ id: 'a', text: 'x', metadata: { one: 1, two: 3 } }])).toMatchObject({ updated: 1 })
  })

  it('takes documents from a stream and reports each committed batch', async () => {
    const { engine } = await toy()
    async function* stream(): AsyncGenerator<Document> {
      for (let i = 0; i < 7; i++) yield { id: `d${i}`, text: `fever ${i}` }
    }
    const progress: AddProgress[] = []

    await engine.add(stream(), { batchSize: 3, onProgress: (event) => progress.push(event) })

    expect(progress.map(({ done }) => done)).toEqual([3, 6, 7])
    expect((await engine.info()).documents).toBe(7)
  })

  it('keeps the batches that were committed when it is aborted, and goes on from there', async () => {
    const { engine } = await toy()
    const documents = Array.from({ length: 9 }, (_, i) => ({ id: `d${i}`, text: `fever ${i}` }))
    const abort = new AbortController()

    const first = engine.add(documents, { batchSize: 3, signal: abort.signal, onProgress: () => abort.abort(new Error('stop')) })
    await expect(first).rejects.toThrow('stop')

    expect((await engine.info()).documents).toBe(3)
    expect(await engine.add(documents)).toEqual({ added: 6, updated: 0, unchanged: 3, truncated: 0 })
  })

  describe('while one batch is committed', () => {
    const documents = Array.from({ length: 12 }, (_, i) => ({ id: `d${i}`, text: `fever ${i}` }))
    const batchSize = 3

    /** A store whose commits wait until they are let through. */
    const slowStore = () => {
      const inner = memoryStore()
      const log: string[] = []
      const waiting: (() => void)[] = []
      let refuse: Error | undefined
      const store: Store = {
        ...inner,
        async upsert(entries, options) {
          log.push(`commit ${entries[0]!.document.id}`)
          await new Promise<void>((resolve) => waiting.push(resolve))
          if (refuse) throw refuse
          await inner.upsert(entries, options)
          log.push(`committed ${entries[0]!.document.id}`)
        },
      }
      return { inner, store, log, waiting, fail: (error: Error) => (refuse = error) }
    }
    const settled = async (): Promise<void> => {
      for (let i = 0; i < 20; i++) await new Promise(setImmediate)
    }

    it('embeds the next, and no more', async () => {
      const { store, log, waiting } = slowStore()
      const { engine, base } = await toy(store)

      const adding = engine.add(documents, { batchSize })
      await settled()

      expect(log).toEqual(['commit d0'])
      expect(base.texts).toEqual(documents.slice(0, 6).map(({ text }) => text))
      for (let i = 0; i < 4; i++) {
        waiting.shift()!()
        await settled()
      }
      expect(await adding).toMatchObject({ added: 12 })
      expect(log).toEqual(['d0', 'd3', 'd6', 'd9'].flatMap((id) => [`commit ${id}`, `committed ${id}`]))
    })

    it('does not commit the next when that fails', async () => {
      const { store, log, waiting, fail } = slowStore()
      const { engine } = await toy(store)

      const adding = engine.add(documents, { batchSize })
      await settled()
      fail(new Error('disk full'))
      waiting.shift()!()

      await expect(adding).rejects.toThrow('disk full')
      await settled()
      expect(log).toEqual(['commit d0'])
    })

    it('commits it even if the next cannot be embedded, and then says so', async () => {
      const { store, inner, waiting } = slowStore()
      const base = toyEncoder()
      const failing = {
        ...base,
        encode: async (texts: readonly string[]) => {
          if (texts.includes('fever 3')) throw new Error('no vectors today')
          return base.encode(texts)
        },
      }
      const { engine } = await toy(store, failing)

      const adding = engine.add(documents, { batchSize })
      await settled()
      waiting.shift()!()

      await expect(adding).rejects.toThrow('no vectors today')
      expect((await inner.info()).documents).toBe(3)
    })

    it('commits it even if the source breaks off', async () => {
      const { store, inner, waiting } = slowStore()
      const { engine } = await toy(store)
      async function* stream(): AsyncGenerator<Document> {
        yield* documents.slice(0, 4)
        throw new Error('torn')
      }

      const adding = engine.add(stream(), { batchSize })
      await settled()
      waiting.shift()!()

      await expect(adding).rejects.toThrow('torn')
      expect((await inner.info()).documents).toBe(3)
    })
  })

  it('refuses an id that comes twice, by name', async () => {
    const { engine } = await toy()

    const error = await engine
      .add([
        { id: 'a', text: '1' },
        { id: 'a', text: '2' },
      ])
      .catch((reason: unknown) => reason)

    expect(error).toBeInstanceOf(DuplicateIdError)
    expect((error as DuplicateIdError).id).toBe('a')
    expect((await engine.info()).documents).toBe(0)
  })

  it.each([
    ['null', null],
    ['a string', 'text'],
    ['no id', { text: 'x' }],
    ['an empty id', { id: '', text: 'x' }],
    ['an id with a lone surrogate', { id: '\ud800', text: 'x' }],
    ['an id with NUL', { id: 'a\0b', text: 'x' }],
    ['an endless id', { id: 'x'.repeat(2000), text: 'x' }],
    ['no text', { id: 'a' }],
    ['a text that is a number', { id: 'a', text: 5 }],
    ['a title that is a list', { id: 'a', text: 'x', title: ['y'] }],
    ['metadata that is a list', { id: 'a', text: 'x', metadata: [1] }],
    ['metadata with NaN', { id: 'a', text: 'x', metadata: { n: Number.NaN } }],
    ['metadata with a function', { id: 'a', text: 'x', metadata: { f: () => 1 } }],
  ])('refuses a document that is or has %s, and stores nothing of its batch', async (_, document) => {
    const { engine } = await toy()

    const adding = engine.add([{ id: 'good', text: 'fever' }, document as unknown as Document])

    await expect(adding).rejects.toThrow(InvalidDocumentError)
    await expect(adding).rejects.toMatchObject({ index: 1 })
    expect((await engine.info()).documents).toBe(0)
  })

  it('refuses metadata that runs in a circle', async () => {
    const { engine } = await toy()
    const metadata: Record<string, unknown> = {}
    metadata.self = metadata

    await expect(engine.add([{ id: 'a', text: 'x', metadata: metadata as never }])).rejects.toThrow(InvalidDocumentError)
  })

  it('stores empty and very long texts, and NUL and lone surrogates as defined', async () => {
    const { engine } = await toy()
    const long = 'ibuprofen '.repeat(100_000)

    await engine.add([
      { id: 'empty', text: '' },
      { id: 'long', text: long },
      { id: 'nul', text: 'dose\0fever' },
      { id: 'lone', text: 'cough \ud83d end' },
    ])

    const [empty, stored, nul, lone] = await engine.get(['empty', 'long', 'nul', 'lone'])
    expect(empty?.text).toBe('')
    expect(stored?.text).toBe(long)
    expect(nul?.text).toBe('dose\0fever')
    expect(lone?.text).toBe('cough \ufffd end')
  })

  it('refuses a list that is none', async () => {
    const { engine } = await toy()

    await expect(engine.add({ id: 'a', text: 'x' } as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'documents' })
  })

  it('stores nothing when an encoder returns the wrong length or NaN', async () => {
    const base = toyEncoder()
    const { engine } = await toy(undefined, base)
    const good = base.encode.bind(base)
    const wrong = async (value: Float32Array) => (base.encode = async (texts) => texts.map(() => value))

    await wrong(new Float32Array(3))
    await expect(engine.add([{ id: 'a', text: 'x' }])).rejects.toThrow(DimensionMismatchError)
    await wrong(new Float32Array(base.dimensions).fill(Number.NaN))
    await expect(engine.add([{ id: 'a', text: 'x' }])).rejects.toThrow(InvalidVectorError)

    base.encode = good
    expect((await engine.info()).documents).toBe(0)
  })

  it('counts documents that are longer than the encoder reads', async () => {
    const base = toyEncoder()
    const plain = base.encode.bind(base)
    base.encode = (texts, options) => {
      texts.forEach((text, index) => text.length > 20 && options?.onTruncated?.({ index, tokens: text.length, limit: 20 }))
      return plain(texts, options)
    }
    const { engine } = await toy(undefined, base)

    expect(
      await engine.add([
        { id: 'a', text: 'short' },
        { id: 'b', text: 'x'.repeat(50) },
      ]),
    ).toMatchObject({ truncated: 1 })
  })
})

describe('delete', () => {
  it('deletes by id and by filter, and counts', async () => {
    const { engine } = await toy()
    await engine.add(toyDocuments)

    expect(await engine.delete({ ids: ['m1', 'nobody'] })).toBe(1)
    expect(await engine.delete({ filter: { domain: 'shell' } })).toBe(2)

    expect((await engine.retrieve('ibuprofen tar', { topK: 10 })).hits.map(({ document }) => document.id).sort()).toEqual(['m2', 'x1'])
  })
})

describe('close', () => {
  it('may be called twice, and refuses what comes after', async () => {
    const { engine } = await toy()

    await engine.close()
    await engine.close()

    await expect(engine.retrieve('x')).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(engine.add([])).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
