import { InvalidPackError, UnsupportedError } from '../errors.ts'
import { bytesOf, toFloat32, type Tensor } from '../safetensors.ts'
import type { Decision } from './decision.ts'
import { featureDimensions } from './features.ts'
import { pilotRouterOf, type PilotRouter, type PilotRouterState } from './pilot-router.ts'
import type { Router } from './router.ts'
import {
  featureIndices,
  loadExamples,
  loadVectors,
  loadWeights,
  nonZero,
  saveExamples,
  saveVectors,
  saveWeights,
  unsigned,
} from './router-tensors.ts'
import { routerOf, type EvidenceWeights, type TextRouter, type TextRouterState } from './text-router.ts'

/** A router as it lies in a pack: JSON and tensors. Pilots are kept as 8-bit vectors and hashed words; no query can be read back. */
export interface SavedRouter {
  readonly manifest: RouterManifest
  readonly tensors: Map<string, Tensor>
}

/** The JSON half of a saved router. */
export type RouterManifest =
  | {
      readonly kind: 'text'
      readonly experts: readonly SavedExpert[]
      readonly queries: number
      readonly weights: EvidenceWeights
      readonly decision: Decision
    }
  | {
      readonly kind: 'pilot'
      readonly experts: readonly SavedExpert[]
      readonly aggregation: 'mean' | 'max'
      readonly weights: boolean
      readonly decision: Decision
    }

interface SavedExpert {
  readonly name: string
  readonly lexicalWeight?: number
  /** Of its text model; `undefined` when it has none. */
  readonly bias?: number
  /** Whether its classifier has read documents. @default false */
  readonly knowsDocuments?: boolean
  /** Kinds of question with BM25 shares of their own. */
  readonly kinds?: readonly { readonly name: string; readonly lexicalWeight: number; readonly bias: number }[]
}

/** @throws UnsupportedError for a router that is not one of ours */
export function saveRouter(router: Router): SavedRouter {
  if (!('state' in router))
    throw new UnsupportedError(
      'Only routers made by textRouter or pilotRouter can be saved;',
      'keep a router of your own in code and pass it as `router`.',
    )
  const { state } = router as TextRouter | PilotRouter
  return 'rarity' in state ? saveText(state) : savePilot(state)
}

/** Reads what `saveRouter` wrote. @param path Named in errors only. @throws InvalidPackError */
export function loadRouter(manifest: unknown, tensors: ReadonlyMap<string, Tensor>, path = 'pilots.safetensors'): Router {
  const known = checkManifest(manifest, path)
  try {
    return known.kind === 'text' ? loadText(known, tensors, path) : loadPilot(known, tensors, path)
  } catch (error) {
    if (error instanceof InvalidPackError) throw error
    throw new InvalidPackError(path, 'holds a router that cannot be read', error)
  }
}

function saveText({ experts, rarity, weights, decision }: TextRouterState): SavedRouter {
  const tensors = new Map<string, Tensor>()
  const counted = nonZero(rarity.frequencies)
  tensors.set('rarity.indices', { dtype: 'U32', shape: [counted.length], data: bytesOf(counted) })
  tensors.set('rarity.frequencies', {
    dtype: 'U32',
    shape: [counted.length],
    data: bytesOf(counted.map((index) => rarity.frequencies[index]!)),
  })
  experts.forEach(({ pilots, examples, model, kinds }, i) => {
    kinds.forEach((kind, k) => saveWeights(tensors, `${i}.kinds.${k}`, kind.model))
    saveVectors(tensors, `${i}.pilots`, pilots)
    saveExamples(tensors, `${i}.examples`, examples)
    if (model) saveWeights(tensors, `${i}.model`, model)
  })
  const saved = experts.map(({ name, lexicalWeight, model, kinds, knowsDocuments }) => ({
    name,
    ...(lexicalWeight !== undefined && { lexicalWeight }),
    ...(model && { bias: model.bias }),
    ...(knowsDocuments && { knowsDocuments }),
    ...(kinds.length > 0 && {
      kinds: kinds.map((kind) => ({ name: kind.name, lexicalWeight: kind.lexicalWeight, bias: kind.model.bias })),
    }),
  }))
  return { manifest: { kind: 'text', experts: saved, queries: rarity.queries, weights, decision }, tensors }
}

function loadText(manifest: RouterManifest & { kind: 'text' }, tensors: ReadonlyMap<string, Tensor>, path: string): TextRouter {
  const { queries, weights, decision } = manifest
  if (!(Number.isInteger(queries) && queries >= 0 && [weights?.words, weights?.similarity, weights?.bias].every(Number.isFinite))) {
    throw new InvalidPackError(path, 'has a router without its counts and weights')
  }
  const frequencies = new Uint32Array(featureDimensions)
  const indices = featureIndices(tensors, 'rarity.indices', path)
  const counts = unsigned(tensors, 'rarity.frequencies', path)
  if (counts.length !== indices.length) throw new InvalidPackError(path, 'has feature counts that do not fit together')
  indices.forEach((index, i) => (frequencies[index] = counts[i]!))
  const experts = manifest.experts.map(({ name, lexicalWeight, bias, knowsDocuments = false, kinds = [] }, i) => ({
    name,
    lexicalWeight,
    pilots: loadVectors(tensors, `${i}.pilots`, path),
    examples: loadExamples(tensors, `${i}.examples`, path),
    model: bias === undefined ? undefined : loadWeights(tensors, `${i}.model`, bias, path),
    kinds: kinds.map((kind, k) => ({
      name: kind.name,
      lexicalWeight: kind.lexicalWeight,
      model: loadWeights(tensors, `${i}.kinds.${k}`, kind.bias, path),
    })),
    knowsDocuments,
  }))
  return routerOf({ experts, rarity: { queries, frequencies }, weights, decision })
}

function savePilot({ experts, aggregation, weights, centre, decision }: PilotRouterState): SavedRouter {
  const tensors = new Map<string, Tensor>()
  if (centre) tensors.set('centre', { dtype: 'F32', shape: [centre.length], data: bytesOf(centre) })
  experts.forEach(({ pilots }, i) => saveVectors(tensors, `${i}.pilots`, pilots))
  const saved = experts.map(({ name, lexicalWeight }) => ({ name, ...(lexicalWeight !== undefined && { lexicalWeight }) }))
  return { manifest: { kind: 'pilot', experts: saved, aggregation, weights, decision }, tensors }
}

function loadPilot(manifest: RouterManifest & { kind: 'pilot' }, tensors: ReadonlyMap<string, Tensor>, path: string): PilotRouter {
  const { aggregation, weights, decision } = manifest
  const centre = tensors.get('centre')
  const experts = manifest.experts.map(({ name, lexicalWeight }, i) => ({
    name,
    lexicalWeight,
    pilots: loadVectors(tensors, `${i}.pilots`, path),
  }))
  return pilotRouterOf({ experts, aggregation, weights, centre: centre && toFloat32(centre, path), decision })
}

function checkManifest(value: unknown, path: string): RouterManifest {
  const manifest = value as RouterManifest
  const kind: string | undefined = manifest?.kind
  if (kind !== 'text' && kind !== 'pilot')
    throw new InvalidPackError(path, `belongs to a router of kind "${String(kind)}"; text and pilot are known`)
  const share = (weight: unknown): boolean => typeof weight === 'number' && weight >= 0 && weight <= 1
  const names = Array.isArray(manifest.experts) ? manifest.experts.map((expert) => expert?.name) : [undefined]
  if (!names.every((name) => typeof name === 'string') || new Set(names).size !== names.length)
    throw new InvalidPackError(path, 'has a router whose experts are not named, each once')
  const shares = manifest.experts.flatMap(({ lexicalWeight, kinds = [] }) => [
    lexicalWeight ?? 0,
    ...kinds.map((kind) => kind.lexicalWeight),
  ])
  if (!shares.every(share)) {
    throw new InvalidPackError(path, 'has a router with a BM25 weight outside 0 to 1')
  }
  const { confidence, fallback, fuseMargin, trust, collection } = manifest.decision ?? {}
  const numbers = [
    confidence?.bias,
    confidence?.evidence,
    confidence?.similarity,
    confidence?.margin,
    confidence?.novelty ?? 0,
    fallback?.threshold,
    trust,
    fuseMargin,
    ...(collection === undefined ? [] : [collection?.familiarity, collection?.absence]),
  ]
  if (!numbers.every(Number.isFinite) || typeof fallback?.expert !== 'string' || !share(fallback.lexicalWeight)) {
    throw new InvalidPackError(path, 'has a router without a complete decision rule')
  }
  if (collection && !(collection.neutral > 0 && collection.neutral < 1))
    throw new InvalidPackError(path, 'has a router whose neutral familiarity is not between 0 and 1')
  return manifest
}
