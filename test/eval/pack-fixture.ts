import type { BeirSet, LoadedPack } from '../../src/eval/index.ts'
import type { PackExpert } from '../../src/expert/pack.ts'
import { fusion } from '../../src/routing/convex-fusion.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { medicalWords, shellWords, toy, toyEncoder, toyExpert } from '../engine-fixture.ts'
import { seededRandom } from '../conformance/random.ts'
import { beir, type Queries } from './beir-fixture.ts'

const words = [...medicalWords, ...shellWords]

/** The toy engine's parts as a pack. */
export async function toyPack(experts: readonly PackExpert[] = []): Promise<LoadedPack> {
  const base = toyEncoder()
  const { router } = await toy(memoryStore(), base)
  const manifest = { format: 1, name: 'toy', version: '1.2.3', languages: ['en'], base: { path: 'base', kind: 'static' }, experts } as const
  return {
    pack: { directory: 'toy', manifest, has: () => false, tensors: async () => new Map() },
    base,
    model: undefined,
    experts: [
      { kind: 'model', name: 'general', queryEncoder: base, documentEncoder: base },
      toyExpert('medical', medicalWords, base, words),
      { kind: 'lexical', name: 'keywords' },
      { ...toyExpert('shell', shellWords, base, words), kind: 'table' },
    ],
    router,
    calibration: undefined,
    fusion: fusion(),
    lexical: { k1: 0.9, b: 0.4, titleWeight: 2 },
    close: () => base.close(),
  }
}

/** Whose sets are whose. */
export const declared = [
  { name: 'medical', kind: 'adapter', path: 'x', sets: ['care'] },
  { name: 'shell', kind: 'table', path: 'x', sets: ['unix'] },
] as const satisfies PackExpert[]

export const careTrain: Queries = {
  t1: ['ibuprofen dose for a child', 'd1'],
  t2: ['cold and cough', 'd2'],
  t3: ['pain', 'd3'],
  t4: ['child dose', 'd1'],
  t5: ['a cough', 'd2'],
  t6: ['doctor for pain', 'd3'],
}
export const unixTrain: Queries = {
  t1: ['tar archive', 'd1'],
  t2: ['kill it', 'd2'],
  t3: ['process to kill', 'd2'],
  t4: ['list archive', 'd1'],
  t5: ['archive', 'd1'],
  t6: ['process', 'd2'],
}

/** Hundreds of documents of random words, so that ties, near ties and every kind of route come up. */
export async function noise(name: string, seed: number): Promise<BeirSet> {
  const next = seededRandom(seed)
  const text = (length: number): string =>
    Array.from({ length }, () => [...words, 'rose', 'garden', 'the'][Math.floor(next() * (words.length + 3))]).join(' ')
  const documents = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`d${i}`, text(2 + (i % 9))]))
  const queries = Array.from({ length: 40 }, (_, i) => [`q${i}`, [text(1 + (i % 4)), `d${Math.floor(next() * 300)}`, `d${i}`]])
  return beir(name, documents, Object.fromEntries(queries))
}
