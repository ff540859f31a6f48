import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AddOptions, AddProgress, AddResult, DocumentSource } from '../engine.ts'
import { embeddedText, type Document } from '../document.ts'
import type { Encoder } from '../encoder/encoder.ts'
import { DuplicateIdError, InvalidArgumentError } from '../errors.ts'
import type { Store, StoredDocument, StoreEntry } from '../store/store.ts'
import type { Vector } from '../vector.ts'
import { checkDocument, checkVectors, contentHash } from './check.ts'

/** Characters in one batch: bounds memory when documents are long. */
const batchCharacters = 4_000_000
/** Batches that are not yet committed: one that is, and one that is embedded meanwhile. */
const mostUnderWay = 2
/** How long documents are checked and hashed before other work of this thread gets its turn. */
const turnMilliseconds = 5

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

  let failure: { readonly error: unknown } | undefined
  const goOn = (): void => {
    if (failure) throw failure.error
    signal?.throwIfAborted()
  }

  /** What is done with a batch, each part after the same part of the batch before: while one is committed, the next is embedded. */
  const carry = async (documents: readonly Document[], done: number, { embedding, committing }: Turn): Promise<void> => {
    const current = encoders()
    try {
      signal?.throwIfAborted()
      const known = await store.get(
        documents.map(({ id }) => id),
        signal && { signal },
      )
      const work = await changed(documents, known, current)
      await embedding.before
      goOn()
      const { entries, truncated } = await embed(work, current, signal)
      embedding.done()
      await committing.before
      goOn()
      if (entries.length > 0) {
        await store.upsert(entries, signal && { signal })
        onChanged(entries.length)
      }

      counts.unchanged += documents.length - work.length
      counts.added += work.filter(({ known: stored }) => !stored).length
      counts.updated += work.filter(({ known: stored }) => stored).length
      counts.truncated += truncated
      embedded += work.length
      onProgress?.({ done, total, embedded, unchanged: counts.unchanged })
    } catch (error) {
      failure ??= { error }
      throw error
    } finally {
      embedding.done()
      committing.done()
    }
  }

  /** Oldest first. */
  const underWay: Promise<void>[] = []
  const nextEmbedding = queue()
  const nextCommit = queue()
  const start = async (): Promise<void> => {
    if (batch.length === 0) return
    const documents = batch
    batch = []
    characters = 0
    const done = seen.size
    if (underWay.length >= mostUnderWay) await underWay.shift()
    const carried = track(carry(documents, done, { embedding: nextEmbedding(), committing: nextCommit() }))
    // Looked at when its turn comes.
    carried.catch(() => {})
    underWay.push(carried)
  }

  let turn = performance.now()
  try {
    for await (const item of source) {
      if (failure) break
      if (performance.now() - turn > turnMilliseconds) {
        await nextTurn()
        turn = performance.now()
      }
      const document = checkDocument(item, seen.size)
      if (seen.has(document.id)) throw new DuplicateIdError(document.id)
      seen.add(document.id)
      batch.push(document)
      characters += document.text.length
      if (batch.length >= batchSize || characters >= batchCharacters) await start()
    }
    if (!failure) await start()
    for (const carried of underWay) await carried
  } finally {
    // What was begun is finished, or has failed, before anything is heard of it.
    await Promise.allSettled(underWay)
  }
  return counts
}

interface Turn {
  readonly embedding: Place
  readonly committing: Place
}

/** A place in a queue. */
interface Place {
  /** Those before are done, or have failed. */
  readonly before: Promise<void>
  done(): void
}

function queue(): () => Place {
  let last = Promise.resolve()
  return () => {
    const before = last
    let done!: () => void
    last = new Promise((resolve) => (done = resolve))
    return { before, done }
  }
}

/** Those that are not stored as they are, with every vector. Hashing rests now and then: other work of this thread may be due. */
async function changed(
  documents: readonly Document[],
  known: readonly (StoredDocument | undefined)[],
  encoders: ReadonlyMap<string, Encoder>,
): Promise<Work[]> {
  const work: Work[] = []
  let turn = performance.now()
  for (const [i, document] of documents.entries()) {
    if (performance.now() - turn > turnMilliseconds) {
      await nextTurn()
      turn = performance.now()
    }
    const hash = contentHash(document)
    const stored = known[i]
    if (!(stored?.hash === hash && missingSpaces(stored, encoders).length === 0)) work.push({ document, hash, known: stored })
  }
  return work
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
