import type { Encoder } from '../src/encoder/encoder.ts'
import { createEngine } from '../src/engine/create.ts'
import type { Engine } from '../src/engine.ts'
import type { AdapterExpert, ModelExpert } from '../src/expert/expert.ts'
import { fusion } from '../src/routing/convex-fusion.ts'
import type { Router } from '../src/routing/router.ts'
import { textRouter } from '../src/routing/text-router.ts'
import { memoryStore } from '../src/store/memory.ts'
import type { Store } from '../src/store/store.ts'
import { normalize, type Vector } from '../src/vector.ts'

export const medicalWords = ['fever', 'dose', 'child', 'ibuprofen', 'cough', 'doctor', 'cold', 'pain']
export const shellWords = ['tar', 'grep', 'archive', 'file', 'kill', 'process', 'command', 'list']

/** Counts known words: dimension i is word i. Vectors one can check in one's head; a text without known words is all zeros. */
export function toyEncoder(
  words: readonly string[] = [...medicalWords, ...shellWords],
  id = `toy-${words.join('-')}`,
): Encoder & { readonly texts: string[] } {
  const texts: string[] = []
  return {
    id,
    dimensions: words.length,
    /** Everything it was ever asked to encode. */
    texts,
    async encode(batch, { signal } = {}) {
      signal?.throwIfAborted()
      texts.push(...batch)
      return batch.map((text) => {
        const vector = new Float32Array(words.length)
        for (const word of text.toLowerCase().match(/\p{L}+/gu) ?? []) {
          const at = words.indexOf(word)
          if (at >= 0) vector[at]! += 1
        }
        return normalize(vector)
      })
    },
    close: async () => {},
  }
}

/** An adapter expert that hears only the dimensions of its own words. */
export function toyExpert(
  name: string,
  words: readonly string[],
  base: Encoder & { readonly dimensions: number },
  all: readonly string[],
): AdapterExpert {
  const adapt = (vector: Vector): Vector => normalize(vector.map((value, i) => (words.includes(all[i]!) ? value : value / 4)))
  const queryEncoder: Encoder = {
    ...base,
    id: `${base.id}+${name}`,
    encode: async (texts, options) => (await base.encode(texts, options)).map(adapt),
  }
  return { kind: 'adapter', name, description: `Knows ${words.slice(0, 3).join(', ')}`, adapt, queryEncoder, documentEncoder: base }
}

export const medicalQueries = [
  'fever dose for a child',
  'ibuprofen dose',
  'child with cough and fever',
  'pain doctor',
  'cold cough doctor',
  'ibuprofen for pain',
]
export const shellQueries = [
  'tar archive file',
  'grep a file',
  'kill a process',
  'command to list file',
  'list process command',
  'grep archive list',
]

export interface Toy {
  readonly engine: Engine
  readonly base: Encoder & { readonly texts: string[] }
  readonly store: Store
  readonly router: Router
}

/** An engine over a toy vocabulary with the experts `medical`, `shell` and `general`. */
export async function toy(store: Store = memoryStore(), base = toyEncoder()): Promise<Toy> {
  const words = [...medicalWords, ...shellWords]
  const general: ModelExpert = { kind: 'model', name: 'general', queryEncoder: base, documentEncoder: base }
  const pilots = async (queries: readonly string[]) => {
    const vectors = await base.encode(queries)
    return queries.map((text, i) => ({ text, vector: vectors[i]! }))
  }
  const router = textRouter([
    { expert: 'medical', pilots: await pilots(medicalQueries), lexicalWeight: 0.2 },
    { expert: 'shell', pilots: await pilots(shellQueries), lexicalWeight: 0.4 },
  ])
  const engine = createEngine({
    base,
    experts: [general, toyExpert('medical', medicalWords, base, words), toyExpert('shell', shellWords, base, words)],
    general: 'general',
    router,
    fusion: fusion(),
    store,
  })
  base.texts.length = 0
  return { engine, base, store, router }
}

export async function toyEngine(): Promise<Engine> {
  return (await toy()).engine
}

/** A few documents of each toy domain. */
export const toyDocuments = [
  { id: 'm1', text: 'The dose of ibuprofen for a child with fever', metadata: { domain: 'medical', year: 2021 } },
  { id: 'm2', text: 'A cold brings cough and pain; see a doctor', metadata: { domain: 'medical', year: 2019 } },
  { id: 's1', text: 'tar makes an archive of a file', metadata: { domain: 'shell', year: 2020 } },
  { id: 's2', text: 'kill ends a process; list it first', metadata: { domain: 'shell', year: 2022 } },
  { id: 'x1', text: 'Roses like sun', metadata: { domain: 'garden' } },
] as const
