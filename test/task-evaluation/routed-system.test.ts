import { describe, expect, it } from 'vitest'
import { packCandidateSystems, routedSystem } from '../../src/eval/index.ts'
import { createEngine } from '../../src/engine/create.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { toyPack } from '../eval/pack-fixture.ts'
import { sample } from './samples.ts'

const candidates = [
  'tar an archive',
  'a cold and a cough',
  'dose of ibuprofen for a child',
  'a child with a cold',
  'kill a process',
  'list a file',
]
const queries = ['ibuprofen dose for the child', 'kill the process', 'archive of a cold child', 'list and cough', 'rose garden']

describe('routedSystem', () => {
  it('orders candidates as an engine does that holds them', async () => {
    const pack = await toyPack()
    const engine = createEngine({
      base: pack.base,
      experts: pack.experts,
      general: 'general',
      router: pack.router,
      fusion: pack.fusion,
      store: memoryStore(),
      owned: [],
    })
    await engine.add(candidates.map((text, place) => ({ id: String(place), text })))
    const found = await engine.retrieveMany(queries, { topK: 6, lexicalWeight: 0 })

    const orders = await routedSystem(pack).order(queries.map((query) => sample({ task: 'qa', query, candidates })))

    const kinds = new Set(found.map(({ route }) => route.decision))
    expect(kinds.size).toBeGreaterThan(1)
    for (const [i, { hits }] of found.entries()) {
      // Places whose scores are equal may be in any order.
      const scores = new Map(hits.map(({ document, score }) => [Number(document.id), score]))
      const ranked = orders[i]!.filter((place) => scores.has(place)).map((place) => scores.get(place)!)
      expect(ranked).toEqual([...ranked].sort((a, b) => b - a))
    }
    await engine.close()
  })

  it('asks only the experts of the task where that is wanted', async () => {
    const pack = await toyPack()
    const bound = { ...pack, experts: pack.experts.map((expert) => (expert.name === 'shell' ? { ...expert, task: 'tool' } : expert)) }
    const query = 'kill a child process with ibuprofen'
    const one = sample({ task: 'tool', query, candidates: ['ibuprofen child', 'process'] })
    const shell = pack.experts.find(({ name }) => name === 'shell')!

    const [byTask] = await routedSystem(bound, { byTask: true }).order([one])
    const systems = packCandidateSystems(bound)('tool')
    const [alone] = await systems.find(({ name }) => name === 'expert:shell')!.order([one])

    expect(shell.kind).toBe('table')
    expect(byTask).toEqual(alone)
    await expect(routedSystem(bound, { byTask: true }).order([{ ...one, task: 'chat' }])).rejects.toMatchObject({ code: 'UNKNOWN_TASK' })
  })
})

describe('packCandidateSystems', () => {
  it('offers the general expert, its base with instructions, the router and the experts bound to the task', async () => {
    const pack = await toyPack()
    const bind = (...names: string[]) => ({
      ...pack,
      experts: pack.experts.map((expert) => (names.includes(expert.name) ? { ...expert, task: 'tool' } : expert)),
    })
    const namesOf = (given: typeof pack, task: 'tool' | 'chat') => packCandidateSystems(given)(task).map(({ name }) => name)

    expect(namesOf(pack, 'tool')).toEqual(['general', 'general+instruction', 'routed', 'bm25'])
    expect(namesOf(bind('shell', 'keywords'), 'tool')).toEqual(['general', 'general+instruction', 'routed', 'expert:shell', 'bm25'])
    expect(namesOf(bind('shell', 'medical'), 'tool')).toEqual([
      'general',
      'general+instruction',
      'routed',
      'expert:medical',
      'expert:shell',
      'task',
      'bm25',
    ])
    expect(namesOf(bind('shell'), 'chat')).toEqual(['general', 'general+instruction', 'routed', 'bm25'])
  })
})
