import { describe, expect, it } from 'vitest'
import { InvalidArgumentError, UnknownExpertError } from '../../src/errors.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { toy, toyDocuments, toyEncoder } from '../engine-fixture.ts'

async function filled() {
  const setup = await toy()
  await setup.engine.add(toyDocuments)
  setup.base.texts.length = 0
  return setup
}

describe('retrieve', () => {
  it('routes a question to the expert of its domain and finds the document', async () => {
    const { engine } = await filled()

    const { hits, route } = await engine.retrieve('ibuprofen dose for a child with fever', { topK: 1 })

    expect(route.decision).toBe('expert')
    expect(route.experts).toEqual([{ name: 'medical', weight: 1 }])
    expect(hits.map(({ document }) => document.id)).toEqual(['m1'])
    expect(hits[0]!.expert).toBe('medical')
  })

  it('shows every score of the route', async () => {
    const { engine } = await filled()

    const { route } = await engine.retrieve('grep a file')

    expect(route.scores.map(({ expert }) => expert).sort()).toEqual(['medical', 'shell'])
    expect(route.scores.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1)
    expect(route.confidence).toBeGreaterThan(0)
    expect(route.confidence).toBeLessThanOrEqual(1)
  })

  it('asks two experts a question that names two domains', async () => {
    const { engine } = await filled()

    const { route, hits } = await engine.retrieve('fever dose for a child in a tar archive file', { topK: 4 })

    expect(route.decision).toBe('fused')
    expect(route.experts.map(({ name }) => name).sort()).toEqual(['medical', 'shell'])
    expect(route.experts.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1)
    expect(
      hits
        .slice(0, 2)
        .map(({ document }) => document.id)
        .sort(),
    ).toEqual(['m1', 's1'])
  })

  it('gives a question far from every expert to the general one', async () => {
    const { engine } = await filled()

    const { route, hits } = await engine.retrieve('do roses like sun')

    expect(route.decision).toBe('fallback')
    expect(route.experts).toEqual([{ name: 'general', weight: 1 }])
    expect(hits[0]?.document.id).toBe('x1')
  })

  it('orders hits by score, in [0, 1], and gives each its cosine', async () => {
    const { engine } = await filled()

    const { hits } = await engine.retrieve('dose of ibuprofen', { expert: 'general' })

    const scores = hits.map(({ score }) => score)
    expect(scores).toEqual([...scores].sort((a, b) => b - a))
    for (const { score, similarity } of hits) {
      expect(score).toBeGreaterThanOrEqual(0)
      expect(score).toBeLessThanOrEqual(1)
      expect(Math.abs(similarity)).toBeLessThanOrEqual(1 + 1e-6)
    }
  })

  it('asks the expert that is named, and still tells what the router thought', async () => {
    const { engine } = await filled()

    const { route } = await engine.retrieve('ibuprofen dose', { expert: 'shell' })

    expect(route.decision).toBe('forced')
    expect(route.experts).toEqual([{ name: 'shell', weight: 1 }])
    expect(route.scores[0]!.expert).toBe('medical')
  })

  it('names the experts there are when asked for one there is not', async () => {
    const { engine } = await filled()

    const error = await engine.retrieve('x', { expert: 'law' }).catch((reason: unknown) => reason)

    expect(error).toBeInstanceOf(UnknownExpertError)
    expect((error as UnknownExpertError).known).toEqual(['general', 'medical', 'shell'])
  })

  it('keeps to the filter', async () => {
    const { engine } = await filled()

    const { hits } = await engine.retrieve('dose of ibuprofen', { filter: { domain: 'shell', year: { $gt: 2020 } } })

    expect(hits.map(({ document }) => document.id)).toEqual(['s2'])
  })

  it('finds nothing through a filter that nothing passes', async () => {
    const { engine } = await filled()

    expect((await engine.retrieve('dose', { filter: { domain: 'law' } })).hits).toEqual([])
  })

  it('leaves out hits below the least similarity', async () => {
    const { engine } = await filled()

    const { hits } = await engine.retrieve('dose of ibuprofen', { minSimilarity: 0.3, topK: 10 })

    expect(hits.length).toBeGreaterThan(0)
    expect(hits.every(({ similarity }) => similarity >= 0.3)).toBe(true)
  })

  it('gives no hits for topK 0 and all there are for more than there are', async () => {
    const { engine } = await filled()

    expect((await engine.retrieve('dose', { topK: 0 })).hits).toEqual([])
    expect((await engine.retrieve('dose', { topK: 1000 })).hits).toHaveLength(toyDocuments.length)
  })

  it.each([-1, 1.5, Number.NaN, '3'])('refuses topK %s', async (topK) => {
    const { engine } = await filled()

    await expect(engine.retrieve('dose', { topK: topK as number })).rejects.toThrow(InvalidArgumentError)
  })

  it.each([
    ['minSimilarity', { minSimilarity: 2 }],
    ['lexicalWeight', { lexicalWeight: -0.1 }],
    ['diversity.lambda', { diversity: { lambda: 3 } }],
  ])('refuses %s out of range, by name', async (name, options) => {
    const { engine } = await filled()

    await expect(engine.retrieve('dose', options)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: name })
  })

  it.each([undefined, null, 7, {}, ['a']])('refuses the query %s', async (query) => {
    const { engine } = await filled()

    await expect(engine.retrieve(query as string)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  it.each([
    ['empty', ''],
    ['blank', ' \n\t '],
    ['NUL', 'dose\0dose'],
    ['lone surrogates', 'dose \ud800 \udfff'],
    ['punctuation', '"\'*();--'],
    ['another script', 'температура ребёнка'],
  ])('answers a query that is %s without NaN', async (_, query) => {
    const { engine } = await filled()

    const { hits, route } = await engine.retrieve(query)

    for (const { score, similarity } of hits) expect(Number.isFinite(score) && Number.isFinite(similarity)).toBe(true)
    for (const { score } of route.scores) expect(Number.isFinite(score)).toBe(true)
  })

  it('reads the beginning of a query of a megabyte, and says so', async () => {
    const { engine } = await filled()

    const { truncated, hits } = await engine.retrieve('ibuprofen dose '.repeat(70_000), { topK: 1 })

    expect(truncated).toBe(true)
    expect(hits[0]?.document.id).toBe('m1')
  })

  it('passes the base encoder once, however many adapters are asked', async () => {
    const { engine, base } = await filled()

    await engine.retrieve('ibuprofen dose tar archive')

    expect(base.texts).toEqual(['ibuprofen dose tar archive'])
  })

  it('asks for no document that came with the search, and for those that did not', async () => {
    const inner = memoryStore()
    const fetched: string[] = []
    const counting: Store = { ...inner, get: async (ids) => (fetched.push(...ids), inner.get(ids)) }
    const { engine } = await toy(counting)
    await engine.add(toyDocuments)
    const question = 'dose for a child with fever'

    fetched.length = 0
    const dense = await engine.retrieve(question, { lexicalWeight: 0, topK: 2 })
    expect(dense.hits.map(({ document }) => document.id)).toEqual(['m1', 'm2'])
    expect(fetched).toEqual([])

    const bare: Store = {
      ...inner,
      search: async (queries) => (await inner.search(queries)).map(({ candidates, lexicalBound }) => ({ candidates, lexicalBound })),
    }
    const { engine: plain } = await toy(bare)
    expect((await plain.retrieve(question, { lexicalWeight: 0, topK: 2 })).hits).toEqual(dense.hits)
  })

  it('tells the store what it will ask, where embedding takes a while and words may count', async () => {
    const told: string[] = []
    const base = toyEncoder()
    let milliseconds = 0
    const slow = {
      ...base,
      encode: async (texts: readonly string[]) => {
        if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds))
        return base.encode(texts)
      },
    }
    const { engine } = await toy({ ...memoryStore(), expect: (texts) => void told.push(...texts) }, slow)
    await engine.add(toyDocuments)

    milliseconds = 5
    await engine.retrieve('fever dose')
    await engine.retrieve('fever dose', { lexicalWeight: 0 })
    await engine.retrieve('fever dose', { topK: 0 })
    expect(told).toEqual([])

    await engine.retrieveMany(['grep a file', 'roses'])
    expect(told).toEqual(['grep a file', 'roses'])
  })

  it('stops when the signal is aborted', async () => {
    const { engine } = await filled()
    const reason = new Error('enough')

    await expect(engine.retrieve('dose', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  it('trades relevance for variety when asked', async () => {
    const { engine } = await filled()
    await engine.add([
      { id: 'm1-copy', text: 'The dose of ibuprofen for a child with fever' },
      { id: 'm3', text: 'The dose of a cough syrup' },
    ])

    const plain = await engine.retrieve('ibuprofen dose fever child', { topK: 2, expert: 'general', lexicalWeight: 0 })
    const varied = await engine.retrieve('ibuprofen dose fever child', {
      topK: 2,
      expert: 'general',
      lexicalWeight: 0,
      diversity: { lambda: 0.4 },
    })

    expect(plain.hits.map(({ document }) => document.id).sort()).toEqual(['m1', 'm1-copy'])
    expect(varied.hits.map(({ document }) => document.id)).not.toContain('m1-copy')
  })
})

describe('retrieveMany', () => {
  it('answers as retrieve does, one by one', async () => {
    const { engine } = await filled()
    const questions = ['ibuprofen dose', 'grep a file', 'do roses like sun', '', 'kill a process with fever']

    const many = await engine.retrieveMany(questions, { topK: 3 })
    const single = await Promise.all(questions.map((question) => engine.retrieve(question, { topK: 3 })))

    const comparable = ({ query, hits, route, truncated }: (typeof many)[number]) => ({ query, hits, route, truncated })
    expect(many.map(comparable)).toEqual(single.map(comparable))
  })

  it('passes each encoder once for all of them', async () => {
    const { engine, base } = await filled()

    await engine.retrieveMany(['ibuprofen dose', 'grep a file', 'sun'])

    expect(base.texts).toHaveLength(3)
  })

  it('gives nothing for no questions', async () => {
    const { engine } = await filled()

    expect(await engine.retrieveMany([])).toEqual([])
  })

  it('refuses a string, which would be asked letter by letter', async () => {
    const { engine } = await filled()

    await expect(engine.retrieveMany('dose' as unknown as string[])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})
