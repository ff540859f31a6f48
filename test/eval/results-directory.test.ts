import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { evaluatePack, type BeirSet, type DocumentSnippet, type PilotPlace, type QueryRecord } from '../../src/eval/index.ts'
import type { EvaluatePackOptions, PackComparison } from '../../src/evaluate-pack.ts'
import type { toyEncoder } from '../engine-fixture.ts'
import { beir, care } from './beir-fixture.ts'
import { careTrain, declared, noise, toyPack } from './pack-fixture.ts'

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'results-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const lines = <T>(path: string): T[] =>
  gunzipSync(readFileSync(path))
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T)

/** What does not depend on when and in how many goes it was made. */
const lasting = (comparison: PackComparison) => ({ ...comparison, seconds: 0, notices: [] })

describe('evaluatePack, with a results directory', () => {
  it('keeps the comparison, every query, the documents they name and a map', async () => {
    const out = directory()
    const sets = [await care({ train: careTrain }), await noise('one', 8)]

    const comparison = await evaluatePack(await toyPack(declared), sets, { out, merged: true, details: () => ({ machine: 'here' }) })

    expect(readdirSync(out).sort()).toEqual(['comparison.json', 'documents.jsonl.gz', 'map.json', 'queries.jsonl.gz'])
    expect(JSON.parse(readFileSync(join(out, 'comparison.json'), 'utf8'))).toEqual({ ...comparison, machine: 'here' })
    const records = lines<QueryRecord>(join(out, 'queries.jsonl.gz'))
    expect(records.map(({ set, id }) => `${set}/${id}`).slice(0, 4)).toEqual(['care/q1', 'care/q2', 'care/d3', 'one/q0'])
    const [first, , itself] = records
    expect(first).toMatchObject({
      text: 'ibuprofen dose',
      relevant: { 'care/d1': 1 },
      route: { decision: 'expert', experts: [{ name: 'medical', weight: 1 }] },
    })
    expect(first!.route.scores.map(({ expert }) => expert)).toEqual(['medical', 'shell'])
    expect(Object.keys(first!.hits).sort()).toEqual(['bm25', 'general', 'medical', 'routed', 'routed+bm25', 'shell'])
    expect(first!.hits.medical![0]).toBe('care/d1')
    expect(first!.hits.medical!.length).toBe(5)
    expect(itself!.hits.general).not.toContain('care/d3')
    for (const system of Object.keys(comparison.systems)) {
      const own = records.filter(({ set }) => set === 'one').map(({ scores }) => scores[system]!)
      const mean = own.reduce((sum, value) => sum + value, 0) / own.length
      expect(mean).toBeCloseTo(comparison.systems[system]!.sets.one!['ndcg@10']!, 5)
    }
    const known = new Set(lines<DocumentSnippet>(join(out, 'documents.jsonl.gz')).map(({ id }) => id))
    for (const { hits, relevant } of records)
      for (const id of [...Object.values(hits).flat(), ...Object.keys(relevant)]) expect(known).toContain(id)
    const pilots = JSON.parse(readFileSync(join(out, 'map.json'), 'utf8')) as PilotPlace[]
    expect(new Set(pilots.map(({ router }) => router))).toEqual(new Set(['router:default', 'router:pilot-mean']))
    expect(records.filter(({ place }) => place).length).toBeGreaterThan(30)
  })

  /** Aborts once so many questions are answered. */
  const cutOff = async (sets: readonly BeirSet[], options: EvaluatePackOptions, after: number) => {
    const abort = new AbortController()
    const how = { ...options, blockSize: 8, signal: abort.signal }
    const running = evaluatePack(await toyPack(declared), sets, {
      ...how,
      onProgress: ({ stage, done }) => stage === 'questions' && done >= after && abort.abort(new Error('enough')),
    })
    await expect(running).rejects.toThrow('enough')
  }

  it.each([true, false])('goes on where it was cut off, to the same end (merged: %s)', async (merged) => {
    const zoo = await beir(
      'zoo',
      { d1: 'zebra archive', d2: 'process of zebras' },
      { q1: ['tar the zebra', 'd1'], q2: ['kill no zebra', 'd2'] },
    )
    const sets = [await care({ train: careTrain }), zoo, await noise('one', 9)]
    const [out, runs, other] = [directory(), directory(), directory()]
    const options = { merged, out, runs } as const

    // The lessons, which are counted as 300, and the five questions of two sets are done: the third set is under way.
    await cutOff(sets, options, 310)
    const left = readdirSync(join(out, 'unfinished'))
    const pack = await toyPack(declared)
    const asked = pack.base as ReturnType<typeof toyEncoder>
    asked.texts.length = 0
    const shares: number[] = []
    const resumed = await evaluatePack(pack, sets, { ...options, onProgress: ({ share }) => shares.push(share) })
    const texts = [...asked.texts]
    const whole = await evaluatePack(await toyPack(declared), sets, { ...options, out: other, runs: join(other, 'runs') })

    expect(left.sort()).toEqual(['care.json.gz', 'zoo.json.gz'])
    expect(resumed.notices).toEqual(['Took up care, zoo from an evaluation that was cut off.'])
    expect(lasting(resumed)).toEqual(lasting(whole))
    expect(shares.at(-1)).toBeCloseTo(1, 6)
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    // Asked for the map alone.
    expect(texts.filter((text) => text === 'tar the zebra')).toHaveLength(1)
    for (const name of ['queries.jsonl.gz', 'documents.jsonl.gz', 'map.json'])
      expect(readFileSync(join(out, name)).equals(readFileSync(join(other, name)))).toBe(true)
    expect(readdirSync(runs)).toEqual(readdirSync(join(other, 'runs')))
    for (const name of readdirSync(runs))
      expect(readFileSync(join(runs, name), 'utf8')).toBe(readFileSync(join(other, 'runs', name), 'utf8'))
    expect(readdirSync(out)).not.toContain('unfinished')
  })

  it('takes up nothing that was made under other circumstances, is damaged, or is to be forgotten', async () => {
    const sets = [await care({ train: careTrain }), await noise('one', 9)]
    const takenUp = async (options: EvaluatePackOptions, change: (out: string) => void = () => {}) => {
      const out = directory()
      await cutOff(sets, { out }, 310)
      expect(readdirSync(join(out, 'unfinished'))).toEqual(['care.json.gz'])
      change(out)
      const { notices } = await evaluatePack(await toyPack(declared), sets, { out, ...options })
      return notices.length > 0
    }

    expect(await takenUp({})).toBe(true)
    expect(await takenUp({ fresh: true })).toBe(false)
    expect(await takenUp({ metrics: ['ndcg@10', 'mrr@5'] })).toBe(false)
    expect(await takenUp({ merged: true })).toBe(false)
    expect(await takenUp({ routerQueries: 200 })).toBe(false)
    expect(await takenUp({}, (out) => writeFileSync(join(out, 'unfinished', 'care.json.gz'), 'oops'))).toBe(false)
  })

  it('embeds documents once for many evaluations when it has a cache', async () => {
    const cache = directory()
    const sets = [await care({ train: careTrain }), await noise('one', 9)]
    const first = await evaluatePack(await toyPack(declared), sets, { cache, merged: true })
    const pack = await toyPack(declared)
    const asked = pack.base as ReturnType<typeof toyEncoder>
    asked.texts.length = 0

    const second = await evaluatePack(pack, sets, { cache, merged: true })

    expect(lasting(second)).toEqual(lasting(first))
    expect(asked.texts).not.toContain('cough and cold')
  })
})
