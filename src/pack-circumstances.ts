import { createHash } from 'node:crypto'
import type { BeirSet } from './eval/beir.ts'
import type { Qrels } from './eval/qrels.ts'
import type { LoadedPack } from './load-pack.ts'
import { lessonSplit } from './pack-lessons.ts'
import type { PackSet } from './pack-set.ts'

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

/** What each set's result depends on, the library's own code aside, as one string. */
export async function circumstancesBySet(
  pack: LoadedPack,
  pools: readonly (readonly PackSet[])[],
  lessonSets: readonly BeirSet[],
  corpora: ReadonlyMap<BeirSet, CorpusFacts>,
  options: readonly unknown[],
): Promise<Map<PackSet, string>> {
  const { manifest } = pack.pack
  const lessons = await Promise.all(
    lessonSets.map(async (set) => [set.name, corpora.get(set)!.hash, judgementsOf(set, await set.qrels(lessonSplit))]),
  )
  const common = circumstancesOf(1, manifest, pack.base.id, lessons, options)
  return new Map(
    pools.flatMap((pool) => {
      const documents = pool.map(({ set }) => [set.name, corpora.get(set)!.hash])
      return pool.map(
        (one) => [one, circumstancesOf(common, documents, one.set.name, judgementsOf(one.set, one.qrels), ownerFacts(one))] as const,
      )
    }),
  )
}

function ownerFacts({ owner }: PackSet): unknown {
  return owner && 'qrels' in owner ? judgementsOf(owner.set, owner.qrels) : owner
}

function circumstancesOf(...facts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex')
}

/** Queries and judgements as plain data. */
function judgementsOf({ queries }: BeirSet, qrels: Qrels): unknown {
  return [...qrels].map(([id, grades]) => [id, queries.get(id), [...grades]])
}
