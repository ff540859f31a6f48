import { TextNode, type Metadata } from '@llamaindex/core/schema'
import { type MetadataFilter, type MetadataFilters, VectorStoreQueryMode } from '@llamaindex/core/vector-store'
import { SimpleVectorStore } from 'llamaindex'
import { beforeAll, describe, expect, it } from 'vitest'
import { PilotfishVectorStore } from 'pilotfish/llamaindex'
import { toyEngine } from '../../engine-fixture.ts'

const metadata: Record<string, Metadata> = {
  plain: { lang: 'en', year: 2020, tags: ['a', 'b'], note: 'fever dose' },
  older: { lang: 'de', year: 1999, tags: ['b'], note: '' },
  zero: { lang: '', year: 0, tags: [], note: 'a lower dose' },
  bare: {},
  mixed: { lang: 'en', year: 2020.5, tags: [1, 'a'], note: null, draft: true },
}

const nodes = Object.entries(metadata).map(
  ([id_, values]) =>
    new TextNode({
      id_,
      text: `fever ${id_}`,
      metadata: values,
      embedding: [1, 0],
      relationships: { SOURCE: { nodeId: `${id_}.md`, metadata: {} } },
    }),
)

const ours = new PilotfishVectorStore({ engine: await toyEngine() })
const theirs = new SimpleVectorStore({ embedModel: ours.embedModel })

beforeAll(async () => {
  await ours.add(nodes)
  await theirs.add(nodes)
})

async function selected(store: PilotfishVectorStore | SimpleVectorStore, filters: MetadataFilters, docIds?: string[]): Promise<string[]> {
  const query = {
    queryStr: 'fever',
    queryEmbedding: [1, 0],
    similarityTopK: 10,
    mode: VectorStoreQueryMode.DEFAULT,
    filters,
    ...(docIds && { docIds }),
  }
  return (await store.query(query)).ids.sort()
}

const one = (key: string, operator: MetadataFilter['operator'], value?: MetadataFilter['value']): MetadataFilters => ({
  filters: [{ key, operator, ...(value !== undefined && { value }) }],
})

describe('LlamaIndex filters', () => {
  const agreed: [MetadataFilters, string[]][] = [
    [one('lang', '==', 'en'), ['mixed', 'plain']],
    [one('year', '==', 0), ['zero']],
    [one('lang', '!=', 'en'), ['older', 'zero']],
    [one('year', '!=', 2020), ['mixed', 'older', 'zero']],
    [one('year', '>', 1999), ['mixed', 'plain']],
    [one('year', '>=', 1999), ['mixed', 'older', 'plain']],
    [one('year', '<', 1999), ['zero']],
    [one('year', '<=', 1999), ['older', 'zero']],
    [one('lang', '>', 'de'), ['mixed', 'plain']],
    [one('lang', 'in', ['en', 'fr']), ['mixed', 'plain']],
    [one('year', 'in', [1999, 2020]), ['older', 'plain']],
    [one('lang', 'in', []), []],
    [one('lang', 'nin', ['en', 'fr']), ['older', 'zero']],
    [one('lang', 'nin', []), ['mixed', 'older', 'plain', 'zero']],
    [one('tags', 'any', ['a', 'z']), ['mixed', 'plain']],
    [one('tags', 'all', ['a', 'b']), ['plain']],
    [one('tags', 'contains', 'b'), ['older', 'plain']],
    [one('tags', 'contains', 1), ['mixed']],
    [one('lang', 'text_match', 'e'), ['mixed', 'older', 'plain']],
    [one('tags', 'is_empty'), ['bare', 'zero']],
    [one('note', 'is_empty'), ['bare', 'mixed', 'older']],
    [one('ref_doc_id', '==', 'older.md'), ['older']],
    [one('doc_id', 'in', ['older.md', 'bare.md']), ['bare', 'older']],
    [one('document_id', '==', 'zero.md'), ['zero']],
    [{ filters: [...one('lang', '==', 'en').filters, ...one('year', '>', 2020).filters] }, ['mixed']],
    [{ filters: [...one('year', '>=', 1999).filters, ...one('year', '<=', 2020).filters], condition: 'and' }, ['older', 'plain']],
    [{ filters: [...one('lang', '==', 'de').filters, ...one('tags', 'is_empty').filters], condition: 'or' }, ['bare', 'older', 'zero']],
    [{ filters: [] }, ['bare', 'mixed', 'older', 'plain', 'zero']],
    [{ filters: [], condition: 'or' }, []],
  ]

  it.each(agreed)('%j select what they select in SimpleVectorStore', async (filters, expected) => {
    expect(await selected(ours, filters)).toEqual(expected)
    expect(await selected(theirs, filters)).toEqual(expected)
  })

  it('treats 0 and the empty string as values, where SimpleVectorStore trips over them', async () => {
    expect(await selected(ours, one('year', 'in', [0]))).toEqual(['zero'])
    expect(await selected(ours, one('lang', 'nin', ['']))).toEqual(['mixed', 'older', 'plain'])
  })

  it('never compares a string with a number', async () => {
    expect(await selected(ours, one('year', '>', '0'))).toEqual([])
  })

  it('looks for a value among the elements of a list', async () => {
    expect(await selected(ours, one('tags', '==', 'b'))).toEqual(['older', 'plain'])
  })

  it('takes booleans, which LlamaIndex’s types leave out', async () => {
    expect(await selected(ours, one('draft', '==', true as unknown as string))).toEqual(['mixed'])
  })

  it('compares for equality when no operator is given', async () => {
    expect(await selected(ours, { filters: [{ key: 'lang', value: 'de' } as MetadataFilter] })).toEqual(['older'])
  })

  it('join with docIds, which name nodes or their source documents', async () => {
    expect(await selected(ours, { filters: [] }, ['plain', 'zero'])).toEqual(await selected(theirs, { filters: [] }, ['plain', 'zero']))
    expect(await selected(ours, one('lang', '==', 'en'), ['plain.md', 'older'])).toEqual(['plain'])
    expect(await selected(ours, { filters: [] }, [])).toEqual([])
  })

  it.each([
    ['a list where a value belongs', one('lang', '==', ['en'])],
    ['a value where a list belongs', one('lang', 'in', 'en')],
    ['a list with more than scalars', one('lang', 'any', [{}] as unknown as string[])],
    ['no value at all', one('year', '>')],
    ['no key', one('', '==', 'en')],
  ])('are refused with %s', async (_, filters) => {
    await expect(selected(ours, filters)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'filters' })
  })

  it('are refused with an operator or a condition that is not known, naming those that are', async () => {
    await expect(selected(ours, one('lang', 'like' as '==', 'en'))).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('text_match'),
    })
    await expect(selected(ours, { filters: [], condition: 'not' as 'and' })).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })
})
