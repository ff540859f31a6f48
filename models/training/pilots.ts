import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StaticModel } from '../../src/encoder/static-model.ts'
import { staticEncoder } from '../../src/encoder/static.ts'
import type { Expert } from '../../src/expert/expert.ts'
import { tableWeights } from '../../src/expert/stored-weights.ts'
import type { Calibration } from '../../src/routing/calibration.ts'
import { saveRouter, type SavedRouter } from '../../src/routing/saved-router.ts'
import { readSafetensors } from '../../src/safetensors.ts'
import { exactStore } from '../../src/store/exact.ts'
import { searchThreads } from '../../src/store/exact/threads.ts'
import type { LexicalOptions, Store, StoreQuery, StoreResult } from '../../src/store/store.ts'
import { buildPilots, type BuiltPilots, type PilotSet } from '../../src/train/build-pilots.ts'
import type { TrainingProgress } from '../../src/train/progress.ts'
import type { TrainingSet } from './sets.ts'

/** A trained set with the expert of its domain. */
export type OwnedSet = TrainingSet & { readonly expert: string }

export interface BundledPilots {
  readonly router: SavedRouter
  readonly calibration: Calibration
  readonly figures: BuiltPilots['figures']
}

/** Searches one collection of all sets with the stored experts and fits the router to what the held-out queries find. */
export async function bundledPilots(
  directory: string,
  model: StaticModel,
  names: readonly { readonly name: string; readonly path: string }[],
  sets: readonly OwnedSet[],
  lexical: LexicalOptions,
  onProgress: (progress: TrainingProgress) => void,
): Promise<BundledPilots> {
  const base = staticEncoder(model)
  const general: Expert = { kind: 'model', name: 'general', queryEncoder: base, documentEncoder: base }
  const experts = names.map(({ name, path }): Expert => {
    const { tensors } = readSafetensors(readFileSync(join(directory, path)), path)
    const changes = { id: name, ...tableWeights(tensors, model.dimensions, model.vocabularySize, path) }
    return { kind: 'table', name, queryEncoder: staticEncoder(model, { changes }), documentEncoder: base }
  })
  const known = new Set(names.map(({ name }) => name))
  const threads = searchThreads()
  const alone = new Map(sets.map(({ name: set }) => [set, exactStore({ lexical, threads })]))
  const merged = exactStore({ lexical, threads })
  try {
    for (const { name: set, documents } of sets) {
      for (let from = 0; from < documents.length; from += 1024) {
        const part = documents.slice(from, from + 1024)
        const vectors = await base.encode(part.map(({ title, text }) => (title ? `${title} ${text}` : text)))
        const entries = part.map(({ id, title, text }, i) => ({
          document: { id: `${set}/${id}`, text, ...(title && { title }) },
          hash: `${set}/${id}`,
          vectors: { [base.id]: vectors[i]! },
        }))
        await alone.get(set)!.upsert(entries)
        await merged.upsert(entries)
      }
    }
    const built = await buildPilots({
      sets: [...sets.map(pilotSet), ...spokenSets()].filter(({ expert }) => known.has(expert)),
      experts: [general, ...experts],
      base,
      search: searchBySet(merged, alone),
      onProgress,
    })
    return { router: saveRouter(built.router), calibration: built.calibration, figures: built.figures }
  } finally {
    for (const store of [merged, ...alone.values()]) await store.close()
    await threads.close()
  }
}

/** Exact stores know no filter, so each set has a store of its own beside the one of all. */
function searchBySet(merged: Store, alone: ReadonlyMap<string, Store>): Store['search'] {
  const setOf = ({ filter }: StoreQuery): string | undefined => (filter as { readonly set: string } | undefined)?.set
  return async (queries, options) => {
    const results = new Map<StoreQuery, StoreResult>()
    for (const set of new Set(queries.map(setOf))) {
      const part = queries.filter((query) => setOf(query) === set)
      const found = await (set === undefined ? merged : alone.get(set)!).search(
        part.map(({ vectors, text, topK }) => ({ vectors, topK, ...(text !== undefined && { text }) })),
        options,
      )
      part.forEach((query, i) => results.set(query, found[i]!))
    }
    return queries.map((query) => results.get(query)!)
  }
}

function pilotSet({ name, expert, documents, heldOut, train }: OwnedSet): PilotSet {
  return {
    name,
    expert,
    queries: heldOut.map(({ text, positives }) => ({
      text,
      grades: new Map(positives.map((place) => [`${name}/${documents[place]!.id}`, 1])),
    })),
    lessons: train.filter(({ variant }) => variant === undefined).map(({ text }) => text),
    passages: documents.flatMap(({ title, text }) => [...(title ? [title] : []), ...sentences(text)]),
    filter: { set: name },
  }
}

/**
 * Questions of every domain as people ask them aloud, written by us. Train queries are of one mould in some sets, and a
 * router that knows only those takes how a question is put for what it is about.
 */
function spokenSets(): PilotSet[] {
  const spoken = JSON.parse(readFileSync(new URL('spoken.json', import.meta.url), 'utf8')) as Record<string, string[]>
  return Object.entries(spoken).map(([expert, texts]) => ({
    name: `spoken ${expert}`,
    expert,
    queries: texts.map((text) => ({ text })),
    weight: 40,
  }))
}

function sentences(text: string): string[] {
  return text
    .split(/(?<=[.?!])\s+|\n+/)
    .map((sentence) => sentence.trim())
    .filter(({ length }) => length > 25 && length < 300)
}
