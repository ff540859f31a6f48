import { basename, resolve } from 'node:path'
import type { Comparison, Spread, SystemScores } from '../comparison.ts'
import type { SetOwner } from '../oracles.ts'
import type { Figure, ResultsSummary, SystemSummary } from './report.ts'
import type { SavedResults } from './read-results.ts'

/** `comparison.json`: a comparison, and where `pilotfish eval` wrote it, the circumstances. Older ones have fewer fields. */
export interface SavedComparison extends Comparison {
  readonly pack?: { readonly name: string; readonly version: string }
  readonly merged?: boolean
  readonly owners?: Readonly<Record<string, SetOwner>>
  readonly versions?: Readonly<Record<string, string>>
  readonly machine?: string
  readonly notices?: readonly string[]
  readonly lexical?: {
    readonly k1: number
    readonly b: number
    readonly titleWeight: number
    readonly stopWords?: { readonly list: string; readonly words: number }
    readonly stemmer?: string
  }
  readonly learnedFrom?: Readonly<Record<string, number>>
}

/** What the page shows of a results directory before queries are unpacked. */
export function summarise({ comparison, queries, pilots, studies }: SavedResults, label: string): ResultsSummary {
  const {
    pack,
    merged = false,
    split,
    documents,
    owners = {},
    routes,
    seconds,
    machine,
    versions = {},
    notices = [],
    learnedFrom = {},
    lexical,
  } = comparison
  const systems = Object.entries(comparison.systems).map(([name, scores]) => systemSummary(name, scores))
  const metrics = [...new Set(systems.flatMap(({ mean }) => Object.keys(mean)))]
  return {
    label,
    ...(pack && { pack }),
    merged,
    split,
    documents,
    queries: comparison.queries,
    saved: queries.length,
    metrics,
    systems,
    routes,
    owners,
    studies,
    pilots: pilots.map((pilot) => ({ ...pilot, place: [rounded(pilot.place[0]), rounded(pilot.place[1])] })),
    notices,
    learnedFrom,
    ...(lexical && { lexical: lexicalSettings(lexical) }),
    circumstances: [
      ...(Number.isFinite(seconds) ? [seconds < 90 ? `${Math.round(seconds)} seconds` : `${Math.round(seconds / 60)} minutes`] : []),
      ...(machine === undefined ? [] : [machine]),
      ...Object.entries(versions).map(([name, version]) => `${name} ${version}`),
    ],
  }
}

const knownPacks: Readonly<Record<string, string>> = { bundled: 'Shipped pack', 'paper-setting': 'Paper’s setting' }

/** Names of tabs: what tells the directories apart. */
export function labels(directories: readonly string[], all: readonly SavedResults[]): string[] {
  const plain = all.map(({ comparison: { pack, merged, split } }) => {
    const name = pack === undefined ? 'An index' : (knownPacks[pack.name] ?? pack.name)
    const where = pack === undefined ? '' : merged ? ', merged' : ', alone'
    return `${name}${where}${split === 'test' ? '' : ` (${split})`}`
  })
  return plain.map((label, i) =>
    plain.filter((other) => other === label).length > 1 ? `${label}: ${basename(resolve(directories[i]!))}` : label,
  )
}

function systemSummary(name: string, { mean, sets, intervals, significance = {}, cost, accuracy }: SystemScores): SystemSummary {
  const figures = (
    scores: Readonly<Record<string, number>>,
    part: <T>(of: Spread<T>) => Readonly<Record<string, T>> | undefined,
  ): Record<string, Figure> =>
    Object.fromEntries(
      Object.entries(scores).map(([metric, value]) => {
        const interval = intervals && part(intervals)?.[metric]
        const against = Object.entries(significance).flatMap(([rival, of]) => {
          const ahead = part(of)?.[metric]
          return ahead ? [[rival, ahead] as const] : []
        })
        return [metric, { value, ...(interval && { interval }), ...(against.length > 0 && { against: Object.fromEntries(against) }) }]
      }),
    )
  return {
    name,
    mean: figures(mean, (of) => of.mean),
    sets: Object.fromEntries(Object.entries(sets).map(([set, scores]) => [set, figures(scores, (of) => of.sets[set])])),
    ...(cost && { cost: { passes: cost.passes, lookups: cost.lookups, stores: cost.stores, lexical: cost.lexical } }),
    ...(accuracy && {
      accuracy: {
        ...(accuracy.best !== undefined && { best: accuracy.best }),
        ...(accuracy.owner !== undefined && { owner: accuracy.owner }),
      },
    }),
  }
}

function lexicalSettings({ k1, b, titleWeight, stopWords, stemmer }: NonNullable<SavedComparison['lexical']>): string {
  const words = stopWords && `${stopWords.list} of ${stopWords.words} stop words`
  return [`k1 ${k1}`, `b ${b}`, `titles weigh ${titleWeight}`, words, stemmer && `stemmed by ${stemmer}`].filter(Boolean).join(', ')
}

function rounded(value: number): number {
  return Number(value.toFixed(4))
}
