import type { Selection } from '../../document.ts'
import type { ScanPage } from '../store.ts'
import { serveWorker } from '../../worker.ts'
import { openCollection, type Collection } from './collection.ts'
import { packResults, unpackQueries, type EntriesMessage, type OpenMessage, type QueriesMessage } from './messages.ts'

/** The embedded store's thread. Requests run one at a time; graphs are built in slices between them. */
let opened: Collection | undefined
let working = false

/** How long building, or a batch of queries, may keep other messages waiting. */
const sliceMilliseconds = 5

function collection(): Collection {
  if (!opened) throw new Error('The store was not opened.')
  return opened
}

function workLater(): void {
  if (working) return
  working = true
  const slice = (): void => {
    working = opened?.work(sliceMilliseconds) ?? false
    if (working) setImmediate(slice)
  }
  setImmediate(slice)
}

serveWorker({
  open(message: OpenMessage) {
    opened = openCollection(message)
    workLater()
  },
  info: () => collection().info(),
  upsert(entries: EntriesMessage) {
    collection().upsert(entries)
    workLater()
  },
  delete(selection: Selection) {
    const count = collection().delete(selection)
    workLater()
    return count
  },
  async search(message: QueriesMessage, { signal, transfer }) {
    const results = []
    let begun = performance.now()
    for (const query of unpackQueries(message)) {
      if (performance.now() - begun > sliceMilliseconds) {
        // Lets a message that cancels this search arrive.
        await new Promise(setImmediate)
        signal.throwIfAborted()
        begun = performance.now()
      }
      results.push(collection().search(query))
    }
    workLater()
    const packed = packResults(results)
    for (const array of [packed.lexical, packed.similarities, packed.counts, packed.bounds]) transfer(array.buffer as ArrayBuffer)
    return packed
  },
  get: (ids: readonly string[]) => collection().get(ids),
  scan: (page: ScanPage) => collection().scan(page),
  vectors: ({ space, ids }: { space: string; ids: readonly string[] }) => collection().vectors(space, ids),
  close() {
    opened?.close()
    opened = undefined
  },
})
