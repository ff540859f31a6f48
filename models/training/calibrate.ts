import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { embeddedText } from '../../src/document.ts'
import { loadStaticModel, type StaticModel } from '../../src/encoder/static-model.ts'
import { staticEncoder } from '../../src/encoder/static.ts'
import type { Encoder } from '../../src/encoder/encoder.ts'
import type { Expert } from '../../src/expert/expert.ts'
import { openPack, tableWeights } from '../../src/expert/pack.ts'
import { saveRouter } from '../../src/routing/saved-router.ts'
import { writeSafetensors } from '../../src/safetensors.ts'
import { embeddedStore } from '../../src/store/embedded.ts'
import type { LexicalOptions, Store } from '../../src/store/store.ts'
import { buildPilots, type BuildPilotsOptions, type BuiltPilots, type PilotSet } from '../../src/train/build-pilots.ts'
import { random, shuffled } from '../../src/train/random.ts'
import { experts as recipes } from './experts.ts'
import type { TrainingSet } from './sets.ts'

/** BM25 constants of the pack: the best on held-out queries of the merged sets, among those `chooseLexical` tries. */
export const lexical = { k1: 1.2, b: 0.75, titleWeight: 1 } as const

/** The base and the experts of a pack directory. */
export async function packParts(directory: string): Promise<{ model: StaticModel; base: Encoder; experts: Expert[] }> {
  const pack = await openPack(directory)
  const model = await loadStaticModel(join(directory, pack.manifest.base.path))
  const base = staticEncoder(model)
  const experts: Expert[] = [{ kind: 'model', name: 'general', queryEncoder: base, documentEncoder: base }]
  for (const { name, path } of pack.manifest.experts) {
    const changes = { id: name, ...tableWeights(await pack.tensors(path!), model.dimensions, model.vocabularySize, path!) }
    experts.push({ kind: 'table', name, queryEncoder: staticEncoder(model, { changes }), documentEncoder: base })
  }
  return { model, base, experts }
}

/** All documents of all sets in one collection, under `<set>/<id>`, as `pilotfish add` puts them there. */
export async function mergedStore(sets: readonly TrainingSet[], base: Encoder | undefined, constants: LexicalOptions): Promise<Store> {
  const store = await embeddedStore(':memory:', { lexical: constants })
  for (const { name, documents } of sets) {
    for (let from = 0; from < documents.length; from += 1024) {
      const part = documents.slice(from, from + 1024)
      const vectors = await base?.encode(part.map(embeddedText))
      await store.upsert(
        part.map((document, i) => ({
          document: { ...document, id: `${name}/${document.id}`, metadata: { set: name } },
          hash: document.id,
          vectors: base ? { [base.id]: vectors![i]! } : {},
        })),
      )
    }
  }
  return store
}

/** Held-out queries of the sets, and train queries as lessons, in an order that mixes a set's topics. */
export function pilotSets(sets: readonly TrainingSet[], seed: number, known: readonly string[]): PilotSet[] {
  return sets.flatMap(({ name, documents, train, heldOut }): PilotSet[] => {
    const expert = recipes.find((recipe) => (recipe.sets as readonly string[]).includes(name))?.name
    if (expert === undefined || !known.includes(expert)) return []
    const grades = (positives: readonly number[]): Map<string, number> => new Map(positives.map((place) => [`${name}/${documents[place]!.id}`, 1]))
    const asked = train.filter(({ variant }) => variant === undefined).map(({ text }) => text)
    return [{
      name,
      expert,
      queries: shuffled(heldOut, random(seed, 1)).map(({ text, positives }) => ({ text, grades: grades(positives) })),
      lessons: shuffled(asked, random(seed, 2)),
      filter: { set: name },
    }]
  })
}

/** Makes the pack's router and calibration from held-out queries and writes `pilots.safetensors` and the manifest's `router`, `calibration` and `lexical`. */
export async function calibratePack(
  { directory, sets, seed, say }: { directory: string; sets: readonly TrainingSet[]; seed: number; say: (line: string) => void },
  options: Partial<BuildPilotsOptions> = {},
): Promise<BuiltPilots> {
  const { base, experts } = await packParts(directory)
  const store = await mergedStore(sets, base, lexical)
  say('pilots: indexed the merged collection')
  try {
    const groups = pilotSets(sets, seed, experts.map(({ name }) => name))
    const built = await buildPilots({ sets: groups, experts, base, search: store.search, onProgress: ({ stage, done, total }) => say(`pilots: ${stage} ${done}/${total}`), ...options })
    writeRouting(directory, built)
    return built
  } finally {
    await store.close()
  }
}

function writeRouting(directory: string, { router, calibration }: BuiltPilots): void {
  const { manifest, tensors } = saveRouter(router)
  const bytes = writeSafetensors(tensors)
  writeFileSync(join(directory, 'pilots.safetensors'), bytes)
  const path = join(directory, 'pack.json')
  const pack = JSON.parse(readFileSync(path, 'utf8')) as { files?: Record<string, string> }
  const files = { ...pack.files, 'pilots.safetensors': createHash('sha256').update(bytes).digest('hex') }
  writeFileSync(path, `${JSON.stringify({ ...pack, router: manifest, calibration, lexical, files }, null, 2)}\n`)
}
