import type { AddOptions, AddProgress, AddResult, DocumentSource } from '../engine.ts'
import { embeddedText, type Document } from '../document.ts'
import type { Encoder } from '../encoder/encoder.ts'
import { DuplicateIdError, InvalidArgumentError } from '../errors.ts'
import type { Store, StoredDocument, StoreEntry } from '../store/store.ts'
import type { Vector } from '../vector.ts'
import { checkDocument, checkVectors, contentHash } from './check.ts'

/** Characters in one batch: bounds memory when documents are long. */
const batchCharacters = 4_000_000

/** The life of a document: check, skip what is unchanged, embed the rest once per encoder in use, commit a batch at a time. */
export async function ingest(
  store: Store,
  encoders: () => ReadonlyMap<string, Encoder>,
  source: DocumentSource,
  /** Wraps each commit, so that a space that is being filled can wait for commits that began without it. */
  track: <T>(commit: Promise<T>) => Promise<T>,
  { signal, onProgress, batchSize = 512, total = sizeOf(source) }: AddOptions,
  /** Called after each commit. */
  onChanged: (documents: number) => void,
): Promise<AddResult> {
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new InvalidArgumentError('batchSize', `is ${batchSize} but must be a whole number, 1 or more`)
  if (typeof source !== 'object' || source === null || !(Symbol.iterator in source || Symbol.asyncIterator in source)) {
    throw new InvalidArgumentError('documents', 'must be a list of documents', 'Wrap a single document in an array.')
  }
  const seen = new Set<string>()
  const counts = { added: 0, updated: 0, unchanged: 0, truncated: 0 }
  let embedded = 0
  let batch: Document[] = []
  let characters = 0

  const commit = async (): Promise<void> => {
    if (batch.length === 0) return
    signal?.throwIfAborted()
    const documents = batch
    batch = []
    characters = 0
    const known = await store.get(
      documents.map(({ id }) => id),
      signal && { signal },
    )
    const work = documents
      .map((document, i) => ({ document, hash: contentHash(document), known: known[i] }))
      .filter(({ hash, known: stored }) => !(stored?.hash === hash && missingSpaces(stored, encoders()).length === 0))
    const { entries, truncated } = await embed(work, encoders(), signal)
    if (entries.length > 0) {
      await store.upsert(entries, signal && { signal })
      onChanged(entries.length)
    }

    counts.unchanged += documents.length - work.length
    counts.added += work.filter(({ known: stored }) => !stored).length
    counts.updated += work.filter(({ known: stored }) => stored).length
    counts.truncated += truncated
    embedded += work.length
    onProgress?.({ done: seen.size, total, embedded, unchanged: counts.unchanged })
  }

  for await (const item of source) {
    const document = checkDocument(item, seen.size)
    if (seen.has(document.id)) throw new DuplicateIdError(document.id)
    seen.add(document.id)
    batch.push(document)
    characters += document.text.length
    if (batch.length >= batchSize || characters >= batchCharacters) await track(commit())
  }
  await track(commit())
  return counts
}

/** Gives stored documents the vectors they lack. Each page is committed, so a run that was cut off goes on where it stopped. */
export async function backfill(
  store: Store,
  encoders: ReadonlyMap<string, Encoder>,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (progress: AddProgress) => void },
): Promise<void> {
  for (const [space, encoder] of encoders) {
    const { documents: total } = await store.info()
    let embedded = 0
    for (let after: string | undefined; ;) {
      signal?.throwIfAborted()
      const page = await store.scan({ limit: 256, missing: space, ...(after !== undefined && { after }) })
      const work = page.documents.map(({ document, hash }) => ({ document, hash, known: undefined }))
      const { entries } = await embed(work, new Map([[space, encoder]]), signal)
      if (entries.length > 0) await store.upsert(entries, signal && { signal })
      embedded += entries.length
      if (entries.length > 0) onProgress?.({ done: embedded, total, embedded, unchanged: 0 })
      if (page.next === undefined) break
      after = page.next
    }
  }
}

interface Work {
  readonly document: Document
  readonly hash: string
  readonly known: StoredDocument | undefined
}

async function embed(
  work: readonly Work[],
  encoders: ReadonlyMap<string, Encoder>,
  signal: AbortSignal | undefined,
): Promise<{ entries: StoreEntry[]; truncated: number }> {
  const vectors: Record<string, Vector>[] = work.map(() => ({}))
  const truncated = new Set<string>()
  for (const [space, encoder] of encoders) {
    const slots = [...work.keys()].filter((i) => {
      const { known, hash } = work[i]!
      return !(known?.hash === hash && known.spaces.includes(space))
    })
    if (slots.length === 0) continue
    const encoded = await encoder.encode(
      slots.map((i) => embeddedText(work[i]!.document)),
      { ...(signal && { signal }), onTruncated: ({ index }) => void truncated.add(work[slots[index]!]!.document.id) },
    )
    checkVectors(encoded, slots.length, encoder.dimensions, `the document encoder "${encoder.id}"`)
    slots.forEach((i, n) => void (vectors[i]![space] = encoded[n]!))
  }
  return { entries: work.map(({ document, hash }, i) => ({ document, hash, vectors: vectors[i]! })), truncated: truncated.size }
}

function missingSpaces(stored: StoredDocument, encoders: ReadonlyMap<string, Encoder>): string[] {
  return [...encoders.keys()].filter((space) => !stored.spaces.includes(space))
}

function sizeOf(source: DocumentSource): number | undefined {
  return Array.isArray(source) ? source.length : source instanceof Set ? source.size : undefined
}
