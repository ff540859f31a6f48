import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Interval } from '../../../src/eval/bootstrap.ts'
import type { Difference, Spread, SystemScores } from '../../../src/eval/comparison.ts'
import type { SavedComparison } from '../../../src/eval/report/saved-comparison.ts'
import type { DocumentSnippet, PilotPlace, QueryRecord, Study, StudyPoint } from '../../../src/eval/results.ts'
import { seededRandom } from '../../conformance/random.ts'

export interface FakeOptions {
  /** Of all sets together. @default 600 */
  readonly queries?: number
  /** @default 120 for each set */
  readonly documents?: number
  readonly merged?: boolean
  readonly pack?: string
  readonly seed?: number
  /** Which studies are there. @default all */
  readonly studies?: readonly string[]
  /** Text of the first query and of the first document of each set: what may break out of a page. */
  readonly hostile?: string
}

const domains: readonly { readonly expert: string; readonly sets: readonly string[]; readonly words: string }[] = [
  {
    expert: 'medical',
    sets: ['medquad'],
    words:
      'fever dose tablet symptom rash treatment infection kidney liver vaccine allergy surgery blood pressure asthma diet pregnancy virus',
  },
  {
    expert: 'shell',
    sets: ['tldr-pages', 'nl2bash'],
    words: 'file folder archive permission process port disk copy recursive pattern script pipe mount user kernel log symlink compress',
  },
  {
    expert: 'code',
    sets: ['cosqa'],
    words: 'python list dictionary sort string parse loop class decorator iterator array index exception module async lambda regex type',
  },
  {
    expert: 'tools',
    sets: ['metatool', 'seal-tools', 'apibench'],
    words:
      'plugin weather travel calendar translate image model booking stock news audio detect classify recipe playlist summary request endpoint',
  },
  {
    expert: 'bank',
    sets: ['banking77'],
    words:
      'card transfer balance fee cash pin refund exchange identity pending account top-up statement declined limit currency app payment',
  },
  {
    expert: 'assistant',
    sets: ['clinc150'],
    words:
      'alarm timer reminder song lights directions restaurant mileage vacation meeting insurance translate joke recipe tire gas credit list',
  },
]
const common = 'how what when can the a to my for in with is do i of on after before which best without from'.split(' ')

/** How often a router finds the right expert. */
const skills: Readonly<Record<string, number>> = {
  'router:default': 0.94,
  'router:pilot-mean': 0.6,
  'router:pilot-max': 0.72,
  'router:dataset': 0.84,
  'router:classification-head': 0.87,
  'router:expert-classifiers': 0.85,
}

/** A results directory that looks like a real one: experts good at home, a router that mostly finds them, queries in clusters. */
export function fakeResults(directory: string, options: FakeOptions = {}): void {
  const { queries = 600, documents = 120, merged = false, pack = 'bundled', seed = 1, hostile } = options
  const random = seededRandom(seed)
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const experts = domains.map(({ expert }) => expert)
  const homes = domains.flatMap(({ expert, sets, words }, domain) => sets.map((set) => ({ set, expert, words: words.split(' '), domain })))
  const sentence = (words: readonly string[], length: number): string =>
    Array.from({ length }, () => (random() < 0.45 ? pick(words) : pick(common))).join(' ')

  const snippets: DocumentSnippet[] = homes.flatMap(({ set, words }) =>
    Array.from({ length: documents }, (_, i) => ({
      id: `${set}/d${i}`,
      ...(random() < 0.8 && { title: sentence(words, 4) }),
      text: i === 0 && hostile !== undefined ? hostile : sentence(words, 24).slice(0, 200),
    })),
  )
  const centre = homes.map(
    (_, i) => [Math.cos((2 * Math.PI * i) / homes.length) * 6, Math.sin((2 * Math.PI * i) / homes.length) * 4] as const,
  )
  const routers = [
    'router:default',
    'router:pilot-mean',
    'router:pilot-max',
    'router:dataset',
    'router:classification-head',
    'router:expert-classifiers',
  ]

  const records: QueryRecord[] = []
  const perSet = Math.max(1, Math.round(queries / homes.length))
  const counts: Record<string, { experts: Record<string, number>; fallback: number; fused: number; lexicalWeight: number }> = {}
  for (const [home, { set, expert, words }] of homes.entries()) {
    const asked: Record<string, number> = {}
    const routes = (counts[set] = { experts: asked, fallback: 0, fused: 0, lexicalWeight: 0 })
    for (let i = 0; i < perSet; i++) {
      const relevant: Record<string, number> = Object.fromEntries(
        Array.from({ length: 1 + Math.floor(random() * 3) }, () => [
          `${set}/d${Math.floor(random() * documents)}`,
          1 + Math.floor(random() * 2),
        ]),
      )
      const hard = random()
      const list = (quality: number): string[] => {
        const hits = Array.from(
          { length: 5 },
          () => `${merged && random() < 0.3 ? pick(homes).set : set}/d${Math.floor(random() * documents)}`,
        )
        const found = quality - hard
        if (found > 0) hits[found > 0.3 ? 0 : 1 + Math.floor(random() * 4)] = pick(Object.keys(relevant))
        return [...new Set(hits)]
      }
      const quality = Object.fromEntries(experts.map((name) => [name, name === expert ? 0.75 : 0.35 + 0.1 * random()]))
      const hits: Record<string, string[]> = {
        general: list(0.55),
        bm25: list(0.45),
        ...Object.fromEntries(experts.map((name) => [name, list(quality[name]!)])),
      }
      const right = random() < skills['router:default']!
      const decision = random() < 0.08 ? 'fallback' : random() < 0.1 ? 'fused' : 'expert'
      const first = right ? expert : pick(experts)
      const second = pick(experts.filter((name) => name !== first))
      const raw = experts.map((name) => ({
        expert: name,
        score: name === first ? 3 + random() : random() * (decision === 'fused' && name === second ? 3 : 1),
      }))
      const total = raw.reduce((sum, { score }) => sum + score, 0)
      const scores = raw.map(({ expert: name, score }) => ({ expert: name, score: score / total })).sort((a, b) => b.score - a.score)
      hits['routed'] = decision === 'fallback' ? hits['general']! : hits[first]!
      hits['routed+bm25'] = [...new Set([...hits['routed'].slice(0, 3), ...hits['bm25']!.slice(0, 2)])]
      const grade = (ids: readonly string[] = []): number => {
        const at = ids.findIndex((id) => id in relevant)
        return at < 0 ? 0 : 1 / Math.log2(at + 2)
      }
      const bySystem: Record<string, number> = {
        bm25: grade(hits['bm25']!),
        general: grade(hits['general']!),
        'general+bm25': Math.max(grade(hits['general']!), grade(hits['bm25']!) * 0.63),
        'multi-task': grade(list(0.68)),
      }
      for (const name of experts) bySystem[`expert:${name}`] = grade(hits[name]!)
      for (const name of routers)
        bySystem[name] = grade(name === 'router:default' ? hits['routed']! : hits[random() < skills[name]! ? expert : pick(experts)]!)
      bySystem['routed'] = bySystem['router:default']!
      bySystem['routed+bm25'] = Math.max(bySystem['routed']!, grade(hits['routed+bm25']))
      bySystem['oracle:set'] = grade(hits[expert]!)
      bySystem['oracle:query'] = Math.max(...experts.map((name) => bySystem[`expert:${name}`]!), bySystem['general']!)
      const lexicalWeight = [0.15, 0.3, 0.3, 0.5, 0.3, 0.3, 0.3, 0, 0][home]!
      if (decision === 'fallback') routes.fallback++
      else asked[first] = (asked[first] ?? 0) + 1
      if (decision === 'fused') routes.fused++
      routes.lexicalWeight += lexicalWeight / perSet
      records.push({
        set,
        id: `q${i}`,
        text: i === 0 && hostile !== undefined ? hostile : `${sentence(words, 5 + Math.floor(random() * 7))}?`,
        relevant,
        route: {
          decision,
          experts:
            decision === 'fallback'
              ? [{ name: 'general', weight: 1 }]
              : decision === 'fused'
                ? [
                    { name: first, weight: 0.6 },
                    { name: second, weight: 0.4 },
                  ]
                : [{ name: first, weight: 1 }],
          scores,
          confidence: decision === 'fallback' ? 0.3 * random() : 0.6 + 0.4 * random(),
          margin: scores[0]!.score - scores[1]!.score,
          lexicalWeight,
        },
        scores: bySystem,
        hits,
        place: [centre[home]![0] + normal(), centre[home]![1] + normal()],
      })
    }
  }

  const comparison = compared(records, homes, { pack, merged, documents: documents * homes.length, counts })
  const pilots: PilotPlace[] = homes.flatMap(({ expert }, home) =>
    Array.from({ length: 6 }, () => ({
      expert,
      place: [centre[home]![0] + normal(), centre[home]![1] + normal()] as const,
      weight: Math.ceil(random() * 60),
    })),
  )

  mkdirSync(join(directory, 'studies'), { recursive: true })
  const write = (name: string, value: unknown): void => writeFileSync(join(directory, name), JSON.stringify(value))
  const lines = (name: string, values: readonly unknown[]): void =>
    writeFileSync(join(directory, name), gzipSync(values.map((value) => `${JSON.stringify(value)}\n`).join('')))
  write('comparison.json', comparison)
  write('map.json', pilots)
  lines('queries.jsonl.gz', records)
  lines('documents.jsonl.gz', snippets)
  for (const study of fakeStudies(
    homes.map(({ set }) => set),
    experts,
    merged,
  )) {
    if ((options.studies ?? [study.name]).includes(study.name)) write(`studies/${study.name}.json`, study)
  }
}

function compared(
  records: readonly QueryRecord[],
  homes: readonly { readonly set: string; readonly expert: string }[],
  { pack, merged, documents, counts }: { pack: string; merged: boolean; documents: number; counts: SavedComparison['routes'] },
): SavedComparison {
  const sets = homes.map(({ set }) => set)
  const bySet = new Map(sets.map((set) => [set, records.filter((record) => record.set === set)]))
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
  const metrics: readonly (readonly [string, (score: number) => number])[] = [
    ['ndcg@10', (score) => score],
    ['recall@100', (score) => Math.min(1, score + 0.25)],
    ['mrr@10', (score) => 0.95 * score],
  ]
  const score = (system: string, set?: string): number =>
    set === undefined ? mean(sets.map((one) => score(system, one))) : mean(bySet.get(set)!.map(({ scores }) => scores[system]!))
  const around = (value: number, set: string | undefined): Interval => {
    const width = 0.9 / Math.sqrt(set === undefined ? records.length : bySet.get(set)!.length)
    return [Math.max(0, value - width), Math.min(1, value + width)]
  }
  const byMetric = <T>(make: (of: (score: number) => number) => T): Record<string, T> =>
    Object.fromEntries(metrics.map(([name, of]) => [name, make(of)]))
  const spread = <T>(make: (of: (score: number) => number, set?: string) => T): Spread<T> => ({
    mean: byMetric((of) => make(of)),
    sets: Object.fromEntries(sets.map((set) => [set, byMetric((of) => make(of, set))])),
  })
  const ahead = (system: string, rival: string): Spread<Difference> =>
    spread((of, set) => {
      const difference = of(score(system, set)) - of(score(rival, set))
      const half = 0.7 / Math.sqrt(set === undefined ? records.length : bySet.get(set)!.length)
      return { difference, interval: [difference - half, difference + half], p: Math.abs(difference) > half ? 0.0001 : 0.31 }
    })
  const names = Object.keys(records[0]!.scores)
  const rivals = names.filter((name) => name.startsWith('router:') || name === 'multi-task')
  const systems = Object.fromEntries(
    names.map((system): [string, SystemScores] => {
      const others = (system === 'router:default' ? ['general', ...rivals] : ['general']).filter((name) => name !== system)
      const cost = {
        passes: system === 'bm25' ? 0 : 1,
        lookups: system.startsWith('rout') ? 0.97 : 0,
        stores: system.startsWith('rout') ? 1.08 : 1,
        lexical: system.includes('bm25') ? 1 : 0,
      }
      const accuracy = { owner: skills[system] ?? 0, best: Math.min(1, (skills[system] ?? 0) + 0.04) }
      return [
        system,
        {
          ...(spread((of, set) => of(score(system, set))) as Pick<SystemScores, 'mean' | 'sets'>),
          intervals: spread((of, set) => around(of(score(system, set)), set)),
          significance: Object.fromEntries(others.map((rival) => [rival, ahead(system, rival)])),
          cost: { ...cost, sets: {} },
          ...(system in skills && { accuracy: { ...accuracy, sets: {} } }),
        },
      ]
    }),
  )
  return {
    pack: { name: pack, version: '0.2.0' },
    merged,
    split: 'test',
    documents,
    queries: Object.fromEntries(sets.map((set) => [set, bySet.get(set)!.length])),
    systems,
    routes: counts,
    owners: Object.fromEntries(homes.map(({ set, expert }) => [set, { expert, by: 'pack' }])),
    seconds: 754,
    machine: '2 × processor',
    versions: { pilotfish: '0.1.0', node: '20.20.2' },
    learnedFrom: Object.fromEntries(sets.map((set) => [set, 300])),
    notices: ['metatool has no dev split; the owner was taken from the pack'],
  }
}

function fakeStudies(sets: readonly string[], experts: readonly string[], merged: boolean): Study[] {
  const study = (name: string, varied: string, points: readonly StudyPoint[]): Study => ({
    name,
    varied,
    metric: 'ndcg@10',
    merged,
    seed: 1,
    points,
  })
  const point = (at: number | string, mean: Record<string, number>, note?: string): StudyPoint => ({
    at,
    ...(note !== undefined && { note }),
    mean,
    sets: Object.fromEntries(
      sets.map((set, i) => [
        set,
        Object.fromEntries(Object.entries(mean).map(([name, value]) => [name, Math.min(1, value + 0.03 * Math.sin(i))])),
      ]),
    ),
  })
  return [
    study(
      'experts',
      'experts',
      experts.map((name, i) =>
        point(
          i + 1,
          { general: 0.42, 'router:pilot-max': 0.43 + 0.014 * i, 'router:default': 0.44 + 0.022 * i, 'oracle:set': 0.445 + 0.024 * i },
          `+ ${name}`,
        ),
      ),
    ),
    study(
      'pilots',
      'pilots per group',
      [1, 3, 10, 30, 100, 300].map((at, i) =>
        point(at, { 'router:default': 0.5 + 0.012 * i, 'router:pilot-mean': 0.46 + 0.004 * i, 'router:pilot-max': 0.46 + 0.011 * i }),
      ),
    ),
    study('aggregation', 'how pilots are compared', [
      point('mean', { 'router:pilot-mean': 0.49 }),
      point('nearest', { 'router:pilot-max': 0.52 }),
    ]),
    study(
      'leave-one-out',
      'expert that is missing',
      experts.map((name, i) => point(name, { general: 0.42, 'with all experts': 0.55, 'without it': 0.55 - 0.01 * (i + 1) })),
    ),
    study(
      'add-expert',
      'experts',
      experts.map((name, i) => point(i, { 'other sets': 0.52, 'its own sets': 0.4 + 0.03 * i }, `+ ${name}`)),
    ),
    study(
      'training-size',
      'training questions',
      [30, 100, 300, 1000, 3000, 10_000].map((at, i) => point(at, { general: 0.387, 'expert:bank': 0.42 + 0.09 * i })),
    ),
  ]
}
