import type { ResultsSummary, SystemSummary } from '../report.ts'

export type Group = 'baseline' | 'paper' | 'ours' | 'expert' | 'oracle'

export const groupNames: Readonly<Record<Group, string>> = {
  baseline: 'Without routing',
  paper: "The paper's routers",
  ours: 'Pilotfish',
  expert: 'One expert for everything',
  oracle: 'Bounds, not systems',
}

export interface SystemName {
  readonly label: string
  readonly group: Group
  readonly sentence: string
}

const known: Readonly<Record<string, SystemName>> = {
  bm25: { label: 'BM25', group: 'baseline', sentence: 'Matches words; no model at all.' },
  general: {
    label: 'General model',
    group: 'baseline',
    sentence: 'The base encoder alone, as most pipelines have it: the bar that routing must clear.',
  },
  'general+bm25': { label: 'General + BM25', group: 'baseline', sentence: 'The base encoder, fused with BM25.' },
  'multi-task': {
    label: 'Multi-task model',
    group: 'baseline',
    sentence: 'One model trained on the questions of all experts together; it needs no router.',
  },
  'router:pilot-mean': {
    label: 'Pilots, mean',
    group: 'paper',
    sentence: 'Asks the expert whose pilots are nearest on average, as the paper says.',
  },
  'router:pilot-max': {
    label: 'Pilots, nearest',
    group: 'paper',
    sentence: 'Asks the expert that owns the nearest pilot, as the code released with the paper does.',
  },
  'router:dataset': {
    label: 'Dataset router',
    group: 'paper',
    sentence: 'Asks the expert of the nearest of 100 train queries of each data set.',
  },
  'router:classification-head': {
    label: 'Classification head',
    group: 'paper',
    sentence: 'One classifier over the base vector, a class for each expert.',
  },
  'router:expert-classifiers': {
    label: 'Expert classifiers',
    group: 'paper',
    sentence: 'A yes-or-no classifier for each expert; the surest is asked.',
  },
  routed: { label: 'Routed', group: 'ours', sentence: "Pilotfish's router: one expert, two fused, or the general model." },
  'router:default': { label: 'Routed', group: 'ours', sentence: "Pilotfish's router: one expert, two fused, or the general model." },
  'routed+bm25': {
    label: 'Routed + BM25',
    group: 'ours',
    sentence: 'The same, fused with BM25 at the share that the route gives: what users get.',
  },
  'oracle:set': {
    label: 'Set oracle',
    group: 'oracle',
    sentence: 'Always asks the expert that the set belongs to: what a router that knew the domain would reach.',
  },
  'oracle:query': {
    label: 'Query oracle',
    group: 'oracle',
    sentence: 'Asks for each query the expert that answers it best: what no choice of one expert can exceed.',
  },
}

export function nameOf(system: string): SystemName {
  const name = known[system]
  if (name) return name
  if (system.startsWith('expert:')) {
    const expert = system.slice('expert:'.length)
    return { label: `Only ${expert}`, group: 'expert', sentence: `The expert “${expert}” answers every query, whatever it is about.` }
  }
  if (system.startsWith('router:'))
    return { label: system.slice('router:'.length), group: 'paper', sentence: `The router “${system.slice('router:'.length)}”.` }
  return { label: system, group: 'baseline', sentence: system }
}

/** What a list of hits is of: an expert's name, `bm25` or a system. */
export function nameOfList(list: string): string {
  return list in known ? known[list]!.label : list
}

/** Groups in the order they are told in. */
export const groupOrder: readonly Group[] = ['baseline', 'paper', 'ours', 'expert', 'oracle']

/** Names of systems worth showing, group by group: `routed` is `router:default` under another name. */
export function inOrder(systems: readonly string[]): readonly string[] {
  const twice = systems.includes('router:default')
  return systems.filter((name) => !(twice && name === 'routed')).sort((a, b) => place(a) - place(b))
}

/** Groups first; within one as listed above, and what is not there after that, as it was. */
function place(system: string): number {
  const own = Object.keys(known).indexOf(system)
  return 1000 * groupOrder.indexOf(nameOf(system).group) + (own < 0 ? 999 : own)
}

export function shownSystems({ systems }: ResultsSummary): readonly SystemSummary[] {
  return inOrder(systems.map(({ name }) => name)).map((name) => systems.find((system) => system.name === name)!)
}

/** The systems that a story is told by, where they are there. */
export function cast(results: ResultsSummary, metric: string) {
  const find = (name: string): SystemSummary | undefined => results.systems.find((system) => system.name === name)
  const others = results.systems.filter(({ name }) => nameOf(name).group === 'paper')
  const score = (system: SystemSummary): number => system.mean[metric]?.value ?? -1
  return {
    general: find('general'),
    multiTask: find('multi-task'),
    otherRouter: others.reduce<SystemSummary | undefined>((best, one) => (best && score(best) >= score(one) ? best : one), undefined),
    routed: find('router:default') ?? find('routed'),
    hybrid: find('routed+bm25'),
    oracle: find('oracle:set'),
  }
}

const colours: Readonly<Record<string, string>> = {
  bm25: 'bm25',
  general: 'general',
  'general+bm25': 'general-bm25',
  'multi-task': 'multi',
  routed: 'routed',
  'router:default': 'routed',
  'routed+bm25': 'hybrid',
  'router:pilot-mean': 'router-1',
  'router:pilot-max': 'router-2',
  'router:dataset': 'router-3',
  'router:classification-head': 'router-4',
  'router:expert-classifiers': 'router-5',
  'oracle:set': 'oracle',
  'oracle:query': 'oracle-2',
}

export function hasColour(system: string): boolean {
  return system in colours
}

/** The colour of a system, as CSS; grey for one we do not know. */
export function systemColour(system: string): string {
  return `var(--s-${colours[system] ?? 'general'})`
}

/** Experts of a comparison, in the pack's order, the general one aside. */
export function expertNames({ systems, pilots }: ResultsSummary): readonly string[] {
  const asked = systems.flatMap(({ name }) => (name.startsWith('expert:') ? [name.slice('expert:'.length)] : []))
  const names = asked.length > 0 ? asked : [...new Set(pilots.map(({ expert }) => expert))]
  return names.filter((name) => name !== 'general')
}

/** Ten colours that people with colour-blindness tell apart best; beyond that they repeat, and names must do. */
export const expertColours = 10

/** CSS of an expert's colour; the general one is grey. */
export function expertColour(experts: readonly string[], expert: string): string {
  const at = experts.indexOf(expert)
  return at < 0 ? 'var(--s-general)' : `var(--e-${at % expertColours})`
}

export const metricNames: Readonly<Record<string, string>> = {
  ndcg: 'how good the first answers are, the first counting most',
  recall: 'share of the relevant documents that were found',
  mrr: 'one over the rank of the first relevant document',
  map: 'precision at every relevant document, averaged',
}

export function metricLabel(metric: string): string {
  return metric
    .replace(/^ndcg/, 'nDCG')
    .replace(/^recall/, 'Recall')
    .replace(/^mrr/, 'MRR')
    .replace(/^map/, 'MAP')
}

/** A score in [0, 1] as people say it: 57.1. */
export function points(value: number | undefined, digits = 1): string {
  return value === undefined ? '–' : (100 * value).toFixed(digits)
}

/** A difference of scores, with its sign. */
export function signed(value: number | undefined, digits = 1): string {
  if (value === undefined) return '–'
  const text = Math.abs(100 * value).toFixed(digits)
  if (Number(text) === 0) return text
  return `${value < 0 ? '−' : '+'}${text}`
}

export function count(value: number): string {
  return value.toLocaleString('en-US')
}

export function percent(value: number | undefined, digits = 0): string {
  return value === undefined ? '–' : `${(100 * value).toFixed(digits)} %`
}
