import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Document, Filter, Metadata } from '../../src/document.ts'
import type { LexicalOptions, Store, StoreEntry, StoreQuery } from '../../src/store/store.ts'
import { normalize, type Vector } from '../../src/vector.ts'
import { seededRandom } from './random.ts'

/** A fresh, empty store. */
export type OpenStore = (options?: { lexical?: LexicalOptions }) => Store | Promise<Store>

/** What every store promises. */
export function describeStore(name: string, open: OpenStore): void {
  describe(name, () => {
    let store: Store
    const freshStore = (): void => {
      beforeEach(async () => {
        store = await open()
      })
      afterEach(() => store.close())
    }

    describe('documents', () => {
      freshStore()

      it('returns what was stored, in the order asked, and undefined for what is not there', async () => {
        const document = {
          id: 'a',
          title: 'Fever',
          text: 'Dose by weight.',
          metadata: { year: 2024, tags: ['x', 1, null], deep: { y: [true] } },
        }
        await store.upsert([{ document, hash: 'h1', vectors: { base: north } }, entry('b', east)])

        const [b, none, a] = await store.get(['b', 'nobody', 'a'])

        expect(a).toEqual({ document, hash: 'h1', spaces: ['base'] })
        expect(b!.document).toEqual({ id: 'b', text: 'text of b' })
        expect(none).toBeUndefined()
      })

      it('starts empty and counts documents and vectors', async () => {
        expect(await store.info()).toMatchObject({ documents: 0, spaces: [] })

        await store.upsert([entry('a', north), entry('b', east), { ...entry('c'), vectors: { other: new Float32Array([1, 0, 0]) } }])

        expect(await store.info()).toMatchObject({
          documents: 3,
          readOnly: false,
          spaces: [
            { space: 'base', dimensions: 2, vectors: 2 },
            { space: 'other', dimensions: 3, vectors: 1 },
          ],
        })
      })

      it('keeps empty texts, and texts without any vector', async () => {
        await store.upsert([{ document: { id: 'a', text: '' }, hash: 'h', vectors: {} }])

        expect((await store.get(['a']))[0]).toEqual({ document: { id: 'a', text: '' }, hash: 'h', spaces: [] })
      })

      it('keeps NUL, emoji, other scripts and odd keys as they are', async () => {
        const text = 'a\u0000b 👩‍⚕️ 東京 ไทย \u{10ffff} \ufffe\r\n\u2028'
        const document = { id: `id\u0000${text}`, title: text, text, metadata: { [text]: text, ['__proto__']: 1, '': 2 } }
        await store.upsert([{ document, hash: 'h', vectors: { __proto__: null, ['sp\u0000ace']: north } as never }])

        const found = (await store.get([document.id]))[0]!

        expect(JSON.stringify(found.document)).toBe(JSON.stringify({ id: document.id, title: text, text, metadata: document.metadata }))
        expect(found.spaces).toEqual(['sp\u0000ace'])
      })

      it('keeps a text of a megabyte and finds it', async () => {
        const text = `${'lorem ipsum '.repeat(90_000)} needle`
        await store.upsert([{ document: { id: 'big', text }, hash: 'h', vectors: { base: north } }, entry('b', east)])

        expect((await store.get(['big']))[0]!.document.text).toBe(text)
        expect((await ask(store, { text: 'needle' })).map(({ id }) => id)).toEqual(['big'])
      })

      it('does nothing for an empty batch', async () => {
        await store.upsert([])

        expect((await store.info()).documents).toBe(0)
      })

      it('is not changed by what the caller does to a document or vector afterwards', async () => {
        const vector = new Float32Array([1, 0])
        const document = { id: 'a', text: 'x', metadata: { list: ['one'] } }
        await store.upsert([{ document, hash: 'h', vectors: { base: vector } }])

        vector.fill(0)
        document.metadata.list.push('two')

        expect((await store.vectors('base', ['a']))[0]).toEqual(new Float32Array([1, 0]))
        expect((await store.get(['a']))[0]!.document.metadata).toEqual({ list: ['one'] })
        expect(vector).toEqual(new Float32Array([0, 0]))
      })

      it('stores a vector that is a view of a larger buffer', async () => {
        const batch = new Float32Array([9, 9, 0, 1, 9, 9])
        await store.upsert([entry('a', batch.subarray(2, 4))])

        expect((await store.vectors('base', ['a']))[0]).toEqual(new Float32Array([0, 1]))
        expect(batch).toEqual(new Float32Array([9, 9, 0, 1, 9, 9]))
      })
    })

    describe('replacing', () => {
      freshStore()

      it('replaces a document added again under the same id', async () => {
        await store.upsert([entry('a', north)])
        await store.upsert([{ document: { id: 'a', text: 'new words' }, hash: 'h2', vectors: { base: east } }])

        const hits = await ask(store, { vectors: [base(east)], text: 'text new' })

        expect(hits).toHaveLength(1)
        expect(hits[0]!.similarities[0]).toBeCloseTo(1)
        expect(await ask(store, { text: 'text' })).toEqual([])
        expect((await store.info()).documents).toBe(1)
      })

      it('keeps the vectors of other spaces while the hash is the same', async () => {
        await store.upsert([entry('a', north)])
        await store.upsert([{ ...entry('a'), vectors: { other: east } }])

        expect((await store.get(['a']))[0]!.spaces).toEqual(['base', 'other'])
        expect((await store.vectors('base', ['a']))[0]).toEqual(north)
      })

      it('drops the vectors of other spaces when the hash changes', async () => {
        await store.upsert([{ ...entry('a'), vectors: { base: north, other: east } }])
        await store.upsert([{ document: { id: 'a', text: 'changed' }, hash: 'h2', vectors: { base: north } }])

        expect((await store.get(['a']))[0]!.spaces).toEqual(['base'])
        expect((await store.info()).spaces.map(({ space }) => space)).toEqual(['base'])
        expect(await store.vectors('other', ['a'])).toEqual([undefined])
      })

      it('forgets old metadata', async () => {
        await store.upsert([entry('a', north, { lang: 'en', tags: ['x', 'y'] })])
        await store.upsert([{ ...entry('a', north, { lang: 'de' }), hash: 'h2' }])

        expect(await idsWhere(store, { lang: 'en' })).toEqual([])
        expect(await idsWhere(store, { tags: 'x' })).toEqual([])
        expect(await idsWhere(store, { lang: 'de' })).toEqual(['a'])
      })
    })

    describe('deleting', () => {
      freshStore()

      it('deletes by id, ignores unknown and repeated ids, and counts', async () => {
        await store.upsert([entry('a', north), entry('b', east), entry('c', north)])

        expect(await store.delete({ ids: ['a', 'nobody', 'a', 'c'] })).toBe(2)

        expect(await store.get(['a'])).toEqual([undefined])
        expect((await ask(store, { vectors: [base(north)], text: 'text' })).map(({ id }) => id)).toEqual(['b'])
        expect((await store.info()).documents).toBe(1)
      })

      it('deletes by filter', async () => {
        await store.upsert([entry('a', north, { lang: 'en' }), entry('b', east, { lang: 'de' }), entry('c', north)])

        expect(await store.delete({ filter: { lang: 'en' } })).toBe(1)
        expect(await store.delete({ filter: { lang: 'fr' } })).toBe(0)

        expect(await idsWhere(store, {})).toEqual(['b', 'c'])
      })

      it('takes a deleted document back', async () => {
        await store.upsert([entry('a', north), entry('b', east)])
        await store.delete({ ids: ['a'] })
        await store.upsert([entry('a', east)])

        expect((await ask(store, { vectors: [base(east)] })).map(({ id }) => id)).toEqual(['a', 'b'])
      })

      it('forgets a space with its last vector, so it may come back with other dimensions', async () => {
        await store.upsert([entry('a', north)])
        await store.delete({ ids: ['a'] })
        await store.upsert([entry('a', new Float32Array([0, 0, 1]))])

        expect((await store.info()).spaces).toEqual([{ space: 'base', dimensions: 3, vectors: 1 }])
      })

      it.each([{}, { ids: ['a'], filter: {} }, { ids: 'a' }, { filter: { a: undefined } }])(
        'refuses the selection %j',
        async (selection) => {
          await store.upsert([entry('a', north)])

          await expect(store.delete(selection as never)).rejects.toMatchObject({ code: expect.stringMatching(/INVALID_(ARGUMENT|FILTER)/) })

          expect((await store.info()).documents).toBe(1)
        },
      )
    })

    describe('dense search', () => {
      freshStore()

      it('orders by cosine, best first, ties by id', async () => {
        await store.upsert([entry('c', north), entry('b', northEast), entry('a', north), entry('d', east), entry('e', south)])

        const hits = await ask(store, { vectors: [base(north)] })

        expect(hits.map(({ id }) => id)).toEqual(['a', 'c', 'b', 'd', 'e'])
        expect(hits.map(({ similarities }) => similarities[0]!)).toEqual([1, 1, expect.closeTo(Math.SQRT1_2), 0, -1])
        expect(hits.every(({ lexical }) => lexical === 0)).toBe(true)
      })

      it('cuts ties at the last place by id', async () => {
        await store.upsert(['d', 'b', 'c', 'a'].map((id) => entry(id, north)))

        expect((await ask(store, { vectors: [base(north)], topK: 2 })).map(({ id }) => id)).toEqual(['a', 'b'])
      })

      it('finds nothing for k = 0 and everything for k above the count', async () => {
        await store.upsert([entry('a', north), entry('b', east)])

        expect(await ask(store, { vectors: [base(north)], text: 'text', topK: 0 })).toEqual([])
        expect(await ask(store, { vectors: [base(north)], topK: 1e9 })).toHaveLength(2)
        expect(await ask(store, { vectors: [base(north)], topK: Infinity })).toHaveLength(2)
      })

      it('finds nothing in an empty store, an unknown space, or with a vector of zeros', async () => {
        expect(await ask(store, { vectors: [base(north)] })).toEqual([])

        await store.upsert([entry('a', north)])

        expect(await ask(store, { vectors: [{ space: 'unknown', vector: new Float32Array(7) }] })).toEqual([])
        expect(await ask(store, { vectors: [base(new Float32Array(2))] })).toEqual([])
      })

      it('gives documents of zeros cosine 0 with everything', async () => {
        await store.upsert([entry('a', new Float32Array(2)), entry('b', south)])

        expect((await ask(store, { vectors: [base(north)] })).map(({ id, similarities }) => [id, similarities[0]])).toEqual([
          ['a', 0],
          ['b', -1],
        ])
      })

      it('scores what any part found under every part, -1 where there is no vector', async () => {
        await store.upsert([
          { ...entry('a'), vectors: { base: north, other: east } },
          { ...entry('b'), vectors: { base: east } },
          { ...entry('c'), vectors: { other: north } },
        ])

        const hits = await ask(store, { vectors: [base(north), { space: 'other', vector: north }], topK: 1 })

        expect(hits).toEqual([
          { id: 'a', similarities: [1, 0], lexical: 0 },
          { id: 'c', similarities: [-1, 1], lexical: 0 },
        ])
      })

      it('answers many queries in one call, in order', async () => {
        await store.upsert([entry('a', north), entry('b', east)])

        const results = await store.search([
          query({ vectors: [base(east)], topK: 1 }),
          query({ text: 'nothing known' }),
          query({ vectors: [base(north)], topK: 1 }),
        ])

        expect(results.map(({ candidates }) => candidates.map(({ id }) => id))).toEqual([['b'], [], ['a']])
        expect(await store.search([])).toEqual([])
      })
    })

    describe('lexical search', () => {
      freshStore()

      const texts = (documents: Record<string, string>): StoreEntry[] =>
        Object.entries(documents).map(([id, text]) => ({ document: { id, text }, hash: id, vectors: {} }))

      it('ranks by how many rare query words a text holds, and leaves out texts that hold none', async () => {
        await store.upsert(
          texts({ a: 'fever in children', b: 'fever and cough', c: 'cough syrup for children with fever', d: 'unpack an archive' }),
        )

        const hits = await ask(store, { text: 'syrup against fever' })

        expect(hits[0]!.id).toBe('c')
        expect(hits.map(({ id }) => id).sort()).toEqual(['a', 'b', 'c'])
        expect(hits.every(({ lexical }) => lexical > 0)).toBe(true)
      })

      it('gives the BM25 score that can be worked out by hand', async () => {
        await store.upsert(texts({ a: 'red fox', b: 'red red hen house', c: 'blue fish' }))

        const [result] = await store.search([query({ text: 'red' })])

        // idf = ln(1 + (3 - 2 + .5) / (2 + .5)); average length 8 / 3.
        const idf = Math.log(1.6)
        const score = (frequency: number, length: number): number =>
          (idf * frequency) / (frequency + 1.2 * (0.25 + (0.75 * length * 3) / 8))
        expect(result!.candidates.map(({ id, lexical }) => [id, lexical])).toEqual([
          ['b', expect.closeTo(score(2, 4), 6)],
          ['a', expect.closeTo(score(1, 2), 6)],
        ])
        expect(result!.lexicalBound).toBeCloseTo(idf, 6)
      })

      it('bounds every score from above, and by 0 when no word is known', async () => {
        await store.upsert(texts({ a: 'red '.repeat(500), b: 'red fox', c: 'x' }))

        const [known, unknown, none] = await store.search([query({ text: 'red red fox' }), query({ text: 'zebra' }), query({ text: '' })])

        expect(known!.candidates[0]!.lexical).toBeLessThanOrEqual(known!.lexicalBound)
        expect(unknown).toEqual({ candidates: [], lexicalBound: 0 })
        expect(none).toEqual({ candidates: [], lexicalBound: 0 })
      })

      it('finds other forms of a word, parts of identifiers, and titles', async () => {
        await store.upsert([
          ...texts({ form: 'the patients were running', code: 'call getUserName or parse_http_header' }),
          { document: { id: 'title', title: 'Zebras', text: 'striped' }, hash: 'h', vectors: {} },
        ])

        const found = async (text: string): Promise<string[]> => (await ask(store, { text })).map(({ id }) => id)

        expect(await found('run')).toEqual(['form'])
        expect(await found('user')).toEqual(['code'])
        expect(await found('HTTP Header')).toEqual(['code'])
        expect(await found('zebra')).toEqual(['title'])
      })

      it('finds texts in other scripts', async () => {
        await store.upsert(
          texts({
            zh: '東京都の天気',
            ru: 'Быстрая лиса',
            th: 'สวัสดีครับ',
            ko: '안녕하세요 세계',
            fr: 'Un café à l’université',
            hi: 'हिन्दी पाठ',
          }),
        )

        const found = async (text: string): Promise<string[]> => (await ask(store, { text })).map(({ id }) => id)

        expect(await found('京')).toEqual(['zh'])
        expect(await found('天気')).toEqual(['zh'])
        expect(await found('лиса')).toEqual(['ru'])
        expect(await found('สวัสดี')).toEqual(['th'])
        expect(await found('세계')).toEqual(['ko'])
        expect(await found('cafe universite')).toEqual(['fr'])
        expect(await found('हिन्दी')).toEqual(['hi'])
      })

      it('survives half of a surrogate pair in a query', async () => {
        await store.upsert(texts({ a: 'fox' }))

        expect((await ask(store, { text: '\ud83d fox \udc00' })).map(({ id }) => id)).toEqual(['a'])
      })

      it('orders by the first dense part and scores every candidate by both', async () => {
        await store.upsert([entry('a', north), { ...entry('b', east), document: { id: 'b', text: 'zebra' } }, entry('c', northEast)])

        const hits = await ask(store, { vectors: [base(north)], text: 'zebra', topK: 1 })

        expect(hits.map(({ id, similarities, lexical }) => [id, similarities[0], lexical > 0])).toEqual([
          ['a', 1, false],
          ['b', 0, true],
        ])
      })

      it('counts words of all documents, whatever the filter', async () => {
        await store.upsert([entry('a', north, { x: 1 }), entry('b', north, { x: 2 }), entry('c', north)])

        const all = await ask(store, { text: 'text' })
        const some = await ask(store, { text: 'text', filter: { x: 1 } })

        expect(some).toEqual(all.filter(({ id }) => id === 'a'))
      })

      it('weighs titles as told', async () => {
        const plain = await open({ lexical: { k1: 1, b: 0, titleWeight: 3 } })
        await plain.upsert([{ document: { id: 'a', title: 'fox', text: 'hen' }, hash: 'h', vectors: {} }])

        const [result] = await plain.search([query({ text: 'fox hen' })])
        await plain.close()

        // One document: idf = ln(1 + .5 / 1.5) for both words; frequencies 3 and 1.
        expect(result!.candidates[0]!.lexical).toBeCloseTo(Math.log(4 / 3) * (3 / 4 + 1 / 2), 6)
      })

      it.each([{ k1: -1 }, { b: 2 }, { titleWeight: NaN }])('refuses the settings %j', async (lexical) => {
        await expect((async () => open({ lexical }))()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
      })
    })

    describe('filters', () => {
      // Nothing here changes what is stored, so one store serves all.
      const library: Record<string, Metadata | undefined> = {
        none: undefined,
        book: { lang: 'en', year: 2020, tags: ['law', 'tax'], open: true, note: '', rank: 1 },
        paper: { lang: 'de', year: 1999.5, tags: ['law'], open: false, note: null, rank: 2 },
        film: { lang: 'zh', year: '2020', tags: [], deep: { lang: 'en' }, note: 'a\u0000b', rank: 3 },
        song: { lang: 'en', year: -3, tags: ['tax', 7, true, null, ['nested']], note: '𝄞 \uffff', rank: 4 },
        long: { lang: 'x'.repeat(5000) + 'needle', year: [1, 30], tags: 'law', rank: '2' },
      }
      const everything = Object.keys(library).sort()
      beforeAll(async () => {
        store = await open()
        await store.upsert(Object.entries(library).map(([id, metadata]) => entry(id, north, metadata)))
      })
      afterAll(() => store.close())

      const table: [string, Filter, string[]][] = [
        ['nothing asked', {}, everything],
        ['equality', { lang: 'en' }, ['book', 'song']],
        ['equality spelled out', { lang: { $eq: 'en' } }, ['book', 'song']],
        ['an element of a list', { tags: 'law' }, ['book', 'long', 'paper']],
        ['numbers are not strings', { year: 2020 }, ['book']],
        ['strings are not numbers', { year: '2020' }, ['film']],
        ['booleans', { open: true }, ['book']],
        ['booleans are not numbers', { open: 1 }, []],
        ['null, where it is stored', { note: null }, ['paper']],
        ['a list element of another type', { tags: { $in: [7] } }, ['song']],
        ['null in a list', { tags: null }, ['song']],
        ['inequality, also where missing', { lang: { $ne: 'en' } }, ['film', 'long', 'none', 'paper']],
        ['any of', { lang: { $in: ['de', 'zh', 'fr'] } }, ['film', 'paper']],
        ['any of nothing', { lang: { $in: [] } }, []],
        ['none of, also where missing', { tags: { $nin: ['law', 7] } }, ['film', 'none']],
        ['none of nothing', { lang: { $nin: [] } }, everything],
        ['greater', { year: { $gt: 1999.5 } }, ['book']],
        ['greater or equal', { year: { $gte: 1999.5 } }, ['book', 'paper']],
        ['less, in any element', { year: { $lt: 2 } }, ['long', 'song']],
        ['a range', { year: { $gte: 0, $lte: 2000 } }, ['long', 'paper']],
        ['both ends by different elements', { year: { $lt: 5, $gt: 20 } }, ['long']],
        ['a range without its ends', { rank: { $gt: 1, $lt: 4 } }, ['film', 'paper']],
        ['a range with its ends', { rank: { $gte: 1, $lte: 4 } }, ['book', 'film', 'paper', 'song']],
        ['a range among other conditions', { rank: { $lt: 4, $gte: 1 }, lang: 'en' }, ['book']],
        ['an empty range', { rank: { $gt: 4, $lt: 1 } }, []],
        ['strings in order', { year: { $gte: '2020', $lt: '2021' } }, ['film']],
        ['strings by code point', { note: { $gt: '\uffff' } }, ['song']],
        ['all of', { tags: { $all: ['law', 'tax'] } }, ['book']],
        ['all of a scalar', { tags: { $all: ['law'] } }, ['book', 'long', 'paper']],
        ['all of nothing', { tags: { $all: [] } }, everything],
        ['containing', { lang: { $contains: 'e' } }, ['book', 'long', 'paper', 'song']],
        ['containing, in a long string', { lang: { $contains: 'xneedle' } }, ['long']],
        ['a long string', { lang: `${'x'.repeat(5000)}needle` }, ['long']],
        ['another long string', { lang: `${'x'.repeat(5000)}needles` }, []],
        ['not a long string', { lang: { $ne: `${'x'.repeat(5000)}needle` } }, everything.filter((id) => id !== 'long')],
        ['long strings in order', { lang: { $gt: 'x', $lt: 'y' } }, ['long']],
        ['containing, in any element', { tags: { $contains: 'a' } }, ['book', 'long', 'paper', 'song']],
        ['containing, with case', { lang: { $contains: 'E' } }, []],
        ['containing the empty string', { note: { $contains: '' } }, ['book', 'film', 'song']],
        ['containing NUL', { note: { $contains: '\u0000b' } }, ['film']],
        ['equal with NUL', { note: 'a\u0000b' }, ['film']],
        ['not cut at NUL', { note: 'a' }, []],
        ['existing', { note: { $exists: true } }, ['book', 'film', 'song']],
        ['existing objects', { deep: { $exists: true } }, ['film']],
        ['not existing', { note: { $exists: false } }, ['long', 'none', 'paper']],
        ['empty', { tags: { $empty: true } }, ['film', 'none']],
        ['empty strings and nulls', { note: { $empty: true } }, ['book', 'long', 'none', 'paper']],
        ['not empty', { note: { $empty: false } }, ['film', 'song']],
        ['several keys', { lang: 'en', tags: 'law' }, ['book']],
        ['or', { $or: [{ lang: 'de' }, { year: { $lt: 0 } }] }, ['paper', 'song']],
        ['or of nothing', { $or: [] }, []],
        ['and of nothing', { $and: [] }, everything],
        ['and', { $and: [{ lang: 'en' }, { $or: [{ year: 2020 }, { year: '2020' }] }] }, ['book']],
        ['not', { $not: { lang: { $in: ['en', 'de'] } } }, ['film', 'long', 'none']],
        ['not of all', { $not: {} }, []],
        ['an unknown key', { nobody: 1 }, []],
        ['keys of prototypes', { constructor: { $exists: true } }, []],
        ['objects cannot be compared', { deep: { $ne: 'en' } }, everything],
      ]

      it.each(table)('selects by %s', async (_, filter, expected) => {
        expect(await idsWhere(store, filter)).toEqual(expected)
        expect((await store.scan({ limit: 100, filter })).documents.map(({ document }) => document.id)).toEqual(expected)
      })

      it('restricts dense and lexical parts alike', async () => {
        const hits = await ask(store, { vectors: [base(north)], text: 'text', filter: { lang: 'de' } })

        expect(hits.map(({ id }) => id)).toEqual(['paper'])
        expect(await ask(store, { vectors: [base(north)], text: 'text', filter: { lang: 'fr' } })).toEqual([])
      })

      it('takes a list of forty thousand values', async () => {
        const many = Array.from({ length: 40_000 }, (_, i) => `v${i}`)

        expect(await idsWhere(store, { lang: { $in: [...many, 'de', 3, true, null] } })).toEqual(['paper'])
      })

      it.each([
        { $where: 1 },
        { lang: { $regex: 'e' } },
        { lang: { constructor: 'e' } },
        { lang: {} },
        { lang: undefined },
        { lang: ['en'] },
        { lang: { $in: 'en' } },
        { lang: { $in: [{}] } },
        { lang: { $gt: null } },
        { year: { $gt: NaN } },
        { year: NaN },
        { lang: { $contains: 1 } },
        { lang: { $exists: 'yes' } },
        { lang: '\ud800' },
        { $and: {} },
        { $or: [null] },
        { $not: [] },
        nested(100),
        'lang',
        null,
      ])('refuses the filter %j', async (filter) => {
        const failure = { code: 'INVALID_FILTER' }

        await expect(ask(store, { vectors: [base(north)], filter: filter as never })).rejects.toMatchObject(failure)
        await expect(store.delete({ filter: filter as never })).rejects.toMatchObject(failure)
        await expect(store.scan({ limit: 1, filter: filter as never })).rejects.toMatchObject(failure)
      })
    })

    describe('scanning', () => {
      freshStore()

      it('pages through everything in a stable order', async () => {
        const ids = ['b', 'a', 'c', 'é', 'Z', '𝄞', '\uffee']
        await store.upsert(ids.map((id) => entry(id, north)))

        const seen: string[] = []
        let after: string | undefined
        do {
          const page = await store.scan({ limit: 2, ...(after !== undefined && { after }) })
          expect(page.documents.length).toBeLessThanOrEqual(2)
          seen.push(...page.documents.map(({ document }) => document.id))
          after = page.next
        } while (after !== undefined)

        expect(seen).toEqual(['Z', 'a', 'b', 'c', 'é', '\uffee', '𝄞'])
      })

      it('has no next page after the last document, even when the page is full', async () => {
        await store.upsert([entry('a', north), entry('b', north)])

        expect((await store.scan({ limit: 2 })).next).toBeUndefined()
        expect((await store.scan({ limit: 1 })).next).toBe('a')
        expect(await store.scan({ limit: 5, after: 'b' })).toEqual({ documents: [] })
      })

      it('finds documents that lack a vector', async () => {
        await store.upsert([entry('a', north), { ...entry('b'), vectors: {} }, { ...entry('c'), vectors: { other: east } }])

        const missing = async (space: string): Promise<string[]> =>
          (await store.scan({ limit: 9, missing: space })).documents.map(({ document }) => document.id)

        expect(await missing('base')).toEqual(['b', 'c'])
        expect(await missing('unknown')).toEqual(['a', 'b', 'c'])
      })

      it.each([0, -1, 1.5, NaN])('refuses a page of %d documents', async (limit) => {
        await expect(store.scan({ limit })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'limit' })
      })
    })

    describe('sampling', () => {
      freshStore()

      it('gives all there are, or so many, spread over the collection', async () => {
        await store.upsert(Array.from({ length: 100 }, (_, i) => entry(`d${String(i).padStart(3, '0')}`, i < 50 ? north : east)))

        const all = await store.sample!('base', 1000)
        const some = await store.sample!('base', 10)

        expect(all.total).toBe(100)
        expect(new Set(all.documents.map(({ document }) => document.id)).size).toBe(100)
        expect(some.total).toBe(100)
        expect(new Set(some.documents.map(({ document }) => document.id)).size).toBe(10)
        expect(some.documents.filter(({ vector }) => vector[0] === north[0]).length).toBe(5)
        expect(await store.sample!('base', 10)).toEqual(some)
      })

      it('gives none of a space that is not there, and none that was deleted', async () => {
        await store.upsert([entry('a', north), entry('b', east)])
        await store.delete({ ids: ['a'] })

        expect((await store.sample!('other', 10)).documents).toEqual([])
        expect((await store.sample!('base', 10)).documents.map(({ document }) => document.id)).toEqual(['b'])
      })
    })

    describe('bad input', () => {
      // Nothing here is stored, so one store serves all.
      beforeAll(async () => {
        store = await open()
        await store.upsert([entry('old', north)])
      })
      afterAll(() => store.close())

      const good = entry('good', new Float32Array([1, 0]))
      const withText = (document: unknown): StoreEntry => ({ document: document as Document, hash: 'h', vectors: {} })
      const cyclic: { self?: unknown } = {}
      cyclic.self = cyclic

      const bad: [string, StoreEntry, string][] = [
        ['an id that is missing', withText({ text: 'x' }), 'INVALID_DOCUMENT'],
        ['an empty id', withText({ id: '', text: 'x' }), 'INVALID_DOCUMENT'],
        ['a text that is missing', withText({ id: 'a' }), 'INVALID_DOCUMENT'],
        ['a text that is not a string', withText({ id: 'a', text: 7 }), 'INVALID_DOCUMENT'],
        ['a title that is not a string', withText({ id: 'a', text: '', title: null }), 'INVALID_DOCUMENT'],
        ['half of a surrogate pair in a text', withText({ id: 'a', text: 'x\ud800' }), 'INVALID_DOCUMENT'],
        ['half of a surrogate pair in an id', withText({ id: '\udc00', text: '' }), 'INVALID_DOCUMENT'],
        ['half of a surrogate pair in metadata', withText({ id: 'a', text: '', metadata: { a: ['\ud800'] } }), 'INVALID_DOCUMENT'],
        ['half of a surrogate pair in a metadata key', withText({ id: 'a', text: '', metadata: { '\ud800': 1 } }), 'INVALID_DOCUMENT'],
        ['metadata that is a list', withText({ id: 'a', text: '', metadata: [] }), 'INVALID_DOCUMENT'],
        ['metadata with NaN', withText({ id: 'a', text: '', metadata: { a: NaN } }), 'INVALID_DOCUMENT'],
        ['metadata with a date', withText({ id: 'a', text: '', metadata: { a: new Date() } }), 'INVALID_DOCUMENT'],
        ['metadata with a function', withText({ id: 'a', text: '', metadata: { a: () => 1 } }), 'INVALID_DOCUMENT'],
        ['metadata with a bigint', withText({ id: 'a', text: '', metadata: { a: 1n } }), 'INVALID_DOCUMENT'],
        ['metadata with a cycle', withText({ id: 'a', text: '', metadata: cyclic }), 'INVALID_DOCUMENT'],
        ['an id given twice', good, 'DUPLICATE_ID'],
        ['a vector of another length', entry('a', new Float32Array(3)), 'DIMENSION_MISMATCH'],
        ['a vector with NaN', entry('a', new Float32Array([NaN, 0])), 'INVALID_VECTOR'],
        ['a vector with Infinity', entry('a', new Float32Array([0, -Infinity])), 'INVALID_VECTOR'],
        ['a vector that is an array', entry('a', [1, 0] as never), 'INVALID_ARGUMENT'],
        ['a vector without elements', entry('a', new Float32Array(0)), 'INVALID_ARGUMENT'],
      ]

      it.each(bad)('refuses %s and stores nothing of the batch', async (_, wrong, code) => {
        await expect(store.upsert([good, wrong])).rejects.toMatchObject({ code })

        expect(await idsWhere(store, {})).toEqual(['old'])
      })

      it('names the document and its place', async () => {
        const failure = store.upsert([entry('a', north), withText({ id: 'b', text: null })])

        await expect(failure).rejects.toMatchObject({ index: 1, message: expect.stringContaining('"b" (number 2)') })
      })

      it.each([
        ['a vector of another length', query({ vectors: [base(new Float32Array(3))] }), 'DIMENSION_MISMATCH'],
        ['a vector with NaN', query({ vectors: [base(new Float32Array([NaN, 0]))] }), 'INVALID_VECTOR'],
        ['a k below 0', query({ text: 'x', topK: -1 }), 'INVALID_ARGUMENT'],
        ['a k that is not whole', query({ text: 'x', topK: 1.5 }), 'INVALID_ARGUMENT'],
        ['neither vector nor text', query({}), 'INVALID_ARGUMENT'],
        ['a text that is not a string', query({ text: 7 as never }), 'INVALID_ARGUMENT'],
      ])('refuses a query with %s', async (_, wrong, code) => {
        await expect(store.search([wrong])).rejects.toMatchObject({ code })
      })
    })

    describe('refusing, cancelling and closing', () => {
      freshStore()

      it('still works after refusing', async () => {
        await store.upsert([entry('a', north)])
        await store.upsert([entry('b', new Float32Array([NaN, 0]))]).catch(() => undefined)
        await store.upsert([entry('b', east)])

        expect(await ask(store, { vectors: [base(east)] })).toHaveLength(2)
      })

      it('does nothing once its signal is aborted', async () => {
        const signal = AbortSignal.abort(new Error('enough'))

        await expect(store.upsert([entry('a', north)], { signal })).rejects.toThrow('enough')
        await expect(store.search([query({ text: 'x' })], { signal })).rejects.toThrow('enough')
        expect((await store.info()).documents).toBe(0)
      })

      it('closes twice and refuses everything afterwards', async () => {
        await store.upsert([entry('a', north)])

        await store.close()
        await store.close()

        const failure = { code: 'CLOSED' }
        await expect(store.info()).rejects.toMatchObject(failure)
        await expect(store.upsert([entry('b', north)])).rejects.toMatchObject(failure)
        await expect(store.search([query({ text: 'x' })])).rejects.toMatchObject(failure)
        await expect(store.get(['a'])).rejects.toMatchObject(failure)
        await expect(store.delete({ ids: ['a'] })).rejects.toMatchObject(failure)
        await expect(store.scan({ limit: 1 })).rejects.toMatchObject(failure)
        await expect(store.vectors('base', ['a'])).rejects.toMatchObject(failure)
      })

      it('lets calls run side by side, each batch seen whole or not at all', async () => {
        const batch = (round: number): StoreEntry[] => Array.from({ length: 20 }, (_, i) => entry(`${round}-${i}`, north, { round }))

        const searches: Promise<number>[] = []
        const writes = [0, 1, 2, 3].map((round) => {
          const write = store.upsert(batch(round))
          searches.push(ask(store, { vectors: [base(north)], topK: 1000 }).then((hits) => hits.length))
          return write
        })
        await Promise.all(writes)

        expect((await Promise.all(searches)).every((count) => count % 20 === 0)).toBe(true)
        expect((await store.info()).documents).toBe(80)
      })
    })

    describe('what is about to be asked', () => {
      freshStore()
      const asked = (): Promise<unknown> => store.search([query({ vectors: [base(north)], text: 'fox' }), query({ text: 'hen' })])
      const fill = (): Promise<void> =>
        store.upsert([
          { document: { id: 'a', text: 'a fox and a hen' }, hash: 'h1', vectors: { base: north } },
          { document: { id: 'b', text: 'fox, fox' }, hash: 'h1', vectors: { base: east } },
          entry('c', northEast),
        ])

      it('changes no answer when it is told', async () => {
        await fill()
        const untold = await asked()

        store.expect?.(['fox', 'hen', 'fox', '', 'hen house'])

        expect(await asked()).toEqual(untold)
        expect(await asked()).toEqual(untold)
      })

      it('is answered from what is stored by then', async () => {
        await fill()
        store.expect?.(['fox'])
        await store.upsert([
          { document: { id: 'd', text: 'a red fox' }, hash: 'h1', vectors: {} },
          { document: { id: 'b', text: 'nobody' }, hash: 'h2', vectors: {} },
        ])
        store.expect?.(['fox'])
        await store.delete({ ids: ['a'] })

        expect((await ask(store, { text: 'fox' })).map(({ id }) => id)).toEqual(['d'])
      })

      it('may be much that nobody asks then, before anything is stored, and nonsense', async () => {
        store.expect?.(['fox'])
        await fill()
        const untold = await asked()

        store.expect?.(Array.from({ length: 200 }, (_, i) => `fox ${i}`))
        store.expect?.([])
        store.expect?.(['\0', '\ud800', 'x'.repeat(100_000)])

        expect(await asked()).toEqual(untold)
      })

      it('may be told by somebody who closes the store then', async () => {
        await fill()

        store.expect?.(['fox'])
        await store.close()

        expect(() => store.expect?.(['fox'])).not.toThrow()
      })
    })

    describe('documents beside candidates', () => {
      freshStore()

      it('are those of the first candidates, in order, if there are any', async () => {
        await store.upsert([
          { document: { id: 'a', title: 'A', text: 'fox', metadata: { n: [1, null] } }, hash: 'h1', vectors: { base: east } },
          entry('b', north),
          entry('c', northEast),
        ])

        for (const documents of [0, 2, 3, 50, Infinity]) {
          const results = await store.search([
            query({ vectors: [base(north)], documents }),
            query({ text: 'fox', documents }),
            query({ vectors: [base(north)] }),
          ])

          for (const [i, { candidates, documents: found = [] }] of results.entries()) {
            const stored = await store.get(candidates.slice(0, found.length).map(({ id }) => id))
            expect(found).toEqual(stored.map((one) => one!.document))
            expect(found.length).toBeLessThanOrEqual(i < 2 ? documents : 0)
          }
        }
      })

      it('are refused in numbers that are none', async () => {
        for (const documents of [-1, 1.5, Number.NaN])
          await expect(store.search([query({ text: 'fox', documents })])).rejects.toThrow(/documents/)
      })
    })

    describe('a long life', () => {
      freshStore()

      it('stays right through hundreds of seeded additions, changes and deletions', async () => {
        const random = seededRandom(7)
        const vector = (): Vector => normalize(Float32Array.from({ length: 8 }, () => random() - 0.5))
        const words = ['fox', 'hen', 'red', 'blue', 'sleep', 'run', 'cat', 'law', 'tax', 'sea']
        const model = new Map<string, { entry: StoreEntry; vectors: Record<string, Vector> }>()

        for (let round = 0; round < 60; round++) {
          const ids = new Set(Array.from({ length: 12 }, () => `d${Math.floor(random() * 80)}`))
          if (round % 4 === 3) {
            await store.delete({ ids: [...ids] })
            for (const id of ids) model.delete(id)
            continue
          }
          const entries = [...ids].map((id): StoreEntry => {
            const text = Array.from({ length: 5 }, () => words[Math.floor(random() * words.length)]).join(' ')
            const vectors = { ...(random() < 0.9 && { base: vector() }), ...(random() < 0.3 && { other: vector() }) }
            const old = model.get(id)
            return old && random() < 0.3
              ? { ...old.entry, vectors }
              : { document: { id, text, metadata: { n: Math.floor(random() * 5) } }, hash: `${round}`, vectors }
          })
          await store.upsert(entries)
          for (const next of entries) {
            const old = model.get(next.document.id)
            model.set(next.document.id, { entry: next, vectors: { ...(old?.entry.hash === next.hash && old.vectors), ...next.vectors } })
          }
        }

        const asked = vector()
        const [dense] = await store.search([query({ vectors: [base(asked)], topK: 1000, filter: { n: { $lt: 3 } } })])
        const expected = [...model.values()]
          .filter(({ entry: { document }, vectors }) => vectors['base'] && (document.metadata!['n'] as number) < 3)
          .map(({ entry: { document }, vectors }) => ({
            id: document.id,
            similarity: vectors['base']!.reduce((sum, value, i) => sum + value * asked[i]!, 0),
          }))
          .sort((a, b) => b.similarity - a.similarity)
        expect(dense!.candidates.map(({ id }) => id)).toEqual(expected.map(({ id }) => id))
        dense!.candidates.forEach(({ similarities }, i) => expect(similarities[0]).toBeCloseTo(expected[i]!.similarity, 5))

        const [lexical] = await store.search([query({ text: 'sleeping foxes', topK: 1000 })])
        const fresh = await open()
        await fresh.upsert([...model.values()].map(({ entry: next }) => ({ ...next, vectors: {} })))
        const [rebuilt] = await fresh.search([query({ text: 'sleeping foxes', topK: 1000 })])
        await fresh.close()
        expect(lexical!.candidates.map(({ id }) => id)).toEqual(rebuilt!.candidates.map(({ id }) => id))
        lexical!.candidates.forEach((candidate, i) => expect(candidate.lexical).toBeCloseTo(rebuilt!.candidates[i]!.lexical, 6))
      })
    })
  })
}

const north = new Float32Array([0, 1])
const east = new Float32Array([1, 0])
const south = new Float32Array([0, -1])
const northEast = new Float32Array([Math.SQRT1_2, Math.SQRT1_2])

function entry(id: string, vector?: Vector, metadata?: Metadata): StoreEntry {
  return { document: { id, text: `text of ${id}`, ...(metadata && { metadata }) }, hash: 'h1', vectors: vector ? { base: vector } : {} }
}

function base(vector: Vector): { space: string; vector: Vector } {
  return { space: 'base', vector }
}

function query(parts: Partial<StoreQuery>): StoreQuery {
  return { vectors: [], topK: 10, ...parts }
}

async function ask(store: Store, parts: Partial<StoreQuery>): Promise<StoreResultCandidates> {
  return (await store.search([query(parts)]))[0]!.candidates
}

type StoreResultCandidates = Awaited<ReturnType<Store['search']>>[number]['candidates']

async function idsWhere(store: Store, filter: Filter): Promise<string[]> {
  return (await ask(store, { vectors: [base(north)], filter, topK: 1000 })).map(({ id }) => id).sort()
}

function nested(depth: number): Filter {
  return depth === 0 ? {} : { $not: nested(depth - 1) }
}
