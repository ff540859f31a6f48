import type { Selection } from '../../document.ts'
import { serveWorker, type WorkerHandler } from '../../worker.ts'
import type { ScanPage } from '../store.ts'
import { openCollection, type Collection } from './collection.ts'
import { step, throughGate, type ExitGate } from '../../exit-gate.ts'
import { packResults, unpackQueries, type EntriesMessage, type FoundMessage, type OpenMessage, type QueriesMessage } from './messages.ts'

/** The embedded store's thread. Requests run one at a time; graphs are built in slices between them. */
let opened: Collection | undefined
let gate: ExitGate = new Int32Array(new SharedArrayBuffer(8))
let working = false
/** What is built can be saved. */
let lasting = false

/** How long a slice of building keeps a request waiting at most, give or take a vector. */
const buildMilliseconds = 2
/** How long a batch of queries may keep the message that cancels it waiting. */
const searchMilliseconds = 5

/** How long closing an index goes on building its graphs: what is not built then, every later opening would have to. */
const finishMilliseconds = 20_000

/** Queries whose vectors are looked at together. */
const searchedTogether = 4

type Context = Parameters<WorkerHandler>[1]

/** A request that finds the index open. */
function request<Argument, Result>(handle: (collection: Collection, argument: Argument, context: Context) => Result | Promise<Result>) {
  return (argument: Argument, context: Context): Promise<Result> =>
    throughGate(gate, () => {
      if (!opened) throw new Error('The store was not opened.')
      return handle(opened, argument, context)
    })
}

function buildLater(): void {
  if (working) return
  working = true
  const slice = async (): Promise<void> => {
    working = await throughGate(gate, () => opened?.work(buildMilliseconds) ?? false)
    if (working) setImmediate(slice)
  }
  setImmediate(slice)
}

serveWorker({
  open(message: OpenMessage) {
    gate = message.gate
    lasting = message.directory !== undefined && !message.readOnly
    return throughGate(gate, () => {
      opened = openCollection(message)
      buildLater()
    })
  },
  info: request((collection) => collection.info()),
  upsert: request((collection, entries: EntriesMessage) => {
    collection.upsert(entries)
    buildLater()
  }),
  delete: request((collection, selection: Selection) => {
    const count = collection.delete(selection)
    buildLater()
    return count
  }),
  search: request(async (collection, message: QueriesMessage, { signal, transfer }) => {
    const results: FoundMessage[] = []
    let begun = performance.now()
    const queries = unpackQueries(message)
    for (const [i, query] of queries.entries()) {
      if (i % searchedTogether === 0 && queries.length > 1) collection.prepareVectors(queries.slice(i, i + searchedTogether))
      if (performance.now() - begun > searchMilliseconds) {
        // Lets a message that cancels this search arrive.
        await new Promise(setImmediate)
        signal.throwIfAborted()
        step(gate)
        begun = performance.now()
      }
      results.push(collection.search(query))
    }
    const packed = packResults(results)
    transfer(packed.lexical.buffer, packed.similarities.buffer, packed.counts.buffer, packed.bounds.buffer)
    return packed
  }),
  expect: request((collection, texts: readonly string[]) => {
    const end = performance.now() + searchMilliseconds
    for (const text of texts) if (performance.now() < end) collection.prepare(text)
  }),
  get: request((collection, ids: readonly string[]) => collection.get(ids)),
  scan: request((collection, page: ScanPage) => collection.scan(page)),
  vectors: request((collection, { space, ids }: { space: string; ids: readonly string[] }) => collection.vectors(space, ids)),
  sample: request((collection, { space, count }: { space: string; count: number }) => collection.sample(space, count)),
  close: () =>
    throughGate(gate, () => {
      const end = performance.now() + (lasting ? finishMilliseconds : 0)
      while (performance.now() < end && opened?.work(50)) step(gate)
      opened?.close()
      opened = undefined
    }),
})
