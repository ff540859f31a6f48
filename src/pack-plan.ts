import { createHash } from 'node:crypto'
import { InvalidArgumentError } from './errors.ts'
import type { BeirSet } from './eval/beir.ts'
import { ownerQuestions } from './eval/oracles.ts'
import type { Qrels } from './eval/qrels.ts'
import { generalName, type LoadedPack } from './load-pack.ts'
import { declaredExpert, lessonSplit } from './pack-lessons.ts'
import type { PackSet } from './pack-set.ts'
import { defaultRouter, learnedRouters, multiTaskName } from './pack-systems.ts'

/**
 * A set with its judgements and its owner, which the pack declares: the paper's dataset oracle asks the expert that was trained on the
 * set. Else queries of another split tell, where an oracle asks for it.
 */
export async function judge(pack: LoadedPack, set: BeirSet, split: string, ownerWanted: boolean): Promise<PackSet> {
  const qrels = await set.qrels(split)
  const declared = declaredExpert(pack, set.name)
  if (declared !== undefined) return { set, qrels, owner: { expert: declared, by: 'pack' } }
  if (!ownerWanted) return { set, qrels, owner: undefined }
  return { set, qrels, owner: (await ownerQuestions({ set, qrels }, split)) ?? { expert: generalName, by: 'nobody' } }
}

/** Sets that teach: those with train queries, which must not be the queries that are evaluated. */
export function lessonSetsOf(candidates: readonly BeirSet[], evaluated: readonly BeirSet[], split: string): BeirSet[] {
  const asked = split === lessonSplit ? evaluated.map(({ directory }) => directory) : []
  return candidates.filter(({ splits, directory }) => splits.includes(lessonSplit) && !asked.includes(directory))
}

export function isLearned(system: string): boolean {
  return (learnedRouters as readonly string[]).includes(system)
}

/**
 * The systems that can be asked when there is nothing to learn from.
 * @throws InvalidArgumentError when a router was named that would have to learn
 */
export function withoutLearned(
  wanted: readonly string[],
  named: readonly string[] | undefined,
  onNotice: (notice: string) => void,
): string[] {
  const learned = wanted.filter(isLearned)
  const why = `no set with a ${lessonSplit} split belongs to an expert of the pack`
  if (learned.length > 0 && named !== undefined) {
    throw new InvalidArgumentError(
      'systems',
      `names ${learned.join(', ')}, but there is nothing to learn from: ${why}`,
      'Give sets to learn from: `routerData` (--router-data).',
    )
  }
  if (learned.length > 0) onNotice(`Left out ${learned.join(', ')}: ${why}.`)
  return wanted.filter((system) => !isLearned(system))
}

/** Every system is compared with the general expert, and the default router with whatever else it should be better than. */
export function rivalsOf(system: string, asked: readonly string[]): string[] {
  const further = asked.filter((name) => name.startsWith('router:') || name === multiTaskName)
  return [generalName, ...(system === defaultRouter ? further : [])]
}

/** What a corpus holds. */
export interface CorpusFacts {
  readonly documents: number
  /** Of all documents. */
  readonly hash: string
}

/** Reads a corpus once before anything is embedded: its size is known, and a bad line found, before hours are spent. */
export async function corpusFacts(set: BeirSet, signal: AbortSignal | undefined): Promise<CorpusFacts> {
  const hash = createHash('sha256')
  let documents = 0
  for await (const { id, title, text } of set.corpus()) {
    hash.update(JSON.stringify([id, title, text]))
    if (++documents % 1000 === 0) signal?.throwIfAborted()
  }
  return { documents, hash: hash.digest('hex') }
}

/** Changes with whatever a set's result depends on, the library's own code aside. */
export function circumstancesOf(...facts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex')
}

/** Queries and judgements as plain data. */
export function judgementsOf({ queries }: BeirSet, qrels: Qrels): unknown {
  return [...qrels].map(([id, grades]) => [id, queries.get(id), [...grades]])
}
