import type { BeirSet, LoadedPack } from '../../src/eval/index.ts'
import { fusion } from '../../src/routing/convex-fusion.ts'
import { textRouter } from '../../src/routing/text-router.ts'
import { medicalWords, shellWords, toyEncoder, toyExpert } from '../engine-fixture.ts'
import { beir } from '../eval/beir-fixture.ts'

const words = [...medicalWords, ...shellWords]

/** Two neighbouring words of a list, and two that lead astray. */
const question = (own: readonly string[], i: number, stray: string): string => `${own[i % 8]} ${own[(i + 1) % 8]} ${stray}`

/**
 * A set whose questions only its expert understands: to the general one a document that echoes the strays is as good as the answer,
 * and comes first.
 */
async function domain(name: string, own: readonly string[], stray: string): Promise<BeirSet> {
  const documents = { ...Object.fromEntries(own.map((_, i) => [`d${i}`, question(own, i, '')])), z: stray }
  const asked = (prefix: string): [string, [string, string]][] =>
    own.map((_, i) => [`${prefix}${i}`, [`${prefix} ${question(own, i, stray)}`, `d${i}`]])
  const train = Object.fromEntries(['who', 'why', 'when'].flatMap(asked))
  return beir(name, documents, Object.fromEntries(asked('how')), { train })
}

export const clinic = (): Promise<BeirSet> => domain('clinic', medicalWords, 'tar archive')
export const terminalSet = (): Promise<BeirSet> => domain('terminal', shellWords, 'fever dose')

/** A pack of two experts whose sets are `clinic` and `terminal`. */
export async function toyPack(): Promise<LoadedPack> {
  const base = toyEncoder(words)
  const [medical, shell] = [await clinic(), await terminalSet()]
  const pilots = async (set: BeirSet) => {
    const texts = [...set.queries].filter(([id]) => !id.startsWith('how')).map(([, text]) => text)
    const vectors = await base.encode(texts)
    return texts.map((text, i) => ({ text, vector: vectors[i]! }))
  }
  const router = textRouter([
    { expert: 'medical', pilots: await pilots(medical) },
    { expert: 'shell', pilots: await pilots(shell) },
  ])
  const entry = (name: string, set: string) => ({ name, kind: 'adapter', path: name, sets: [set] }) as const
  const manifest = {
    format: 1,
    name: 'toy',
    version: '1.0.0',
    languages: ['en'],
    base: { path: 'base', kind: 'static' },
    experts: [entry('medical', 'clinic'), entry('shell', 'terminal')],
  } as const
  return {
    pack: { directory: 'toy', manifest, has: () => false, tensors: async () => new Map() },
    base,
    model: undefined,
    experts: [
      { kind: 'model', name: 'general', queryEncoder: base, documentEncoder: base },
      toyExpert('medical', medicalWords, base, words),
      toyExpert('shell', shellWords, base, words),
    ],
    router,
    calibration: undefined,
    fusion: fusion(),
    close: () => base.close(),
  }
}

export const toySets = async (): Promise<BeirSet[]> => [await clinic(), await terminalSet()]
