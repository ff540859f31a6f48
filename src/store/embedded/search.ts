import { compareStrings } from '../filter.ts'
import type { LexicalScores } from '../lexical/postings.ts'
import type { Candidate, StoreQuery, StoreResult } from '../store.ts'
import { topK } from '../top-k.ts'
import type { Mirror } from './mirror.ts'
import { has, type RowSet } from './row-set.ts'

/** Answers a query from memory: what each part finds among the selected rows, scored by every part. */
export function search(mirror: Mirror, selected: RowSet | undefined, { vectors, text, topK: k }: StoreQuery): StoreResult {
  const { ids } = mirror
  const precedes = (a: number, b: number): boolean => compareStrings(ids[a]!, ids[b]!) < 0
  // A filter that selects everything need not be looked at for every row.
  const allowed = selected && selected.size < mirror.alive().size ? selected : undefined
  const parts = vectors.map(({ space, vector }) => ({ space: mirror.spaces.get(space), vector }))
  const lexical = text === undefined ? undefined : mirror.postings.score(text)

  const found = new Set<number>()
  for (const { space, vector } of parts) {
    for (const row of space?.search(vector, k, allowed, precedes) ?? []) found.add(row)
  }
  if (lexical) for (const row of best(lexical, k, allowed, precedes)) found.add(row)

  const candidates = Array.from(found, (row): Candidate => ({
    id: ids[row]!,
    similarities: parts.map(({ space, vector }) => (space?.arena.has(row) ? space.arena.similarity(vector, row) : -1)),
    lexical: lexical?.of(row) ?? 0,
  }))
  const score = (candidate: Candidate): number => (parts.length > 0 ? candidate.similarities[0]! : candidate.lexical)
  candidates.sort((a, b) => score(b) - score(a) || compareStrings(a.id, b.id))
  return { candidates, lexicalBound: lexical?.bound ?? 0 }
}

function best(
  { rows, scores }: LexicalScores,
  k: number,
  allowed: RowSet | undefined,
  precedes: (a: number, b: number) => boolean,
): number[] {
  const kept = topK<number>(k, precedes)
  let threshold = kept.threshold()
  for (let i = 0; i < rows.length; i++) {
    if (scores[i]! < threshold || (allowed && !has(allowed, rows[i]!))) continue
    kept.offer(rows[i]!, scores[i]!)
    threshold = kept.threshold()
  }
  return kept.take()
}
