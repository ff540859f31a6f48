/** A second process for the tests: `child.ts <what> <directory>`. Says on its output what it has done. */
import { embeddedStore } from '../../src/store/embedded.ts'
import { library } from './library.ts'

const [what, directory] = process.argv.slice(2) as [string, string]
const say = (line: string): void => void process.stdout.write(`${line}\n`)

try {
  if (what === 'add-forever') {
    // Until it is killed: whole batches of 50, one after another.
    const store = await embeddedStore(directory)
    for (let batch = 0; ; batch++) {
      await store.upsert(library(50, { from: batch * 50 }))
      say(`added ${(batch + 1) * 50}`)
    }
  } else if (what === 'hold') {
    await embeddedStore(directory)
    say('holding')
    setInterval(() => undefined, 1000)
  } else if (what === 'read') {
    const store = await embeddedStore(directory, { readOnly: true })
    const { documents } = await store.info()
    const [result] = await store.search([{ vectors: [], text: 'fox', topK: 3 }])
    say(`read ${documents} ${result!.candidates.length}`)
    await store.upsert(library(1)).catch((error) => say(error.code))
    await store.close()
  } else if (what === 'write') {
    const store = await embeddedStore(directory)
    await store.upsert(library(10, { from: 5000 }))
    await store.close()
    say('written')
  } else if (what === 'leave-open') {
    // Ends without `close()`, while the graph is being built.
    const store = await embeddedStore(directory)
    const wide = (vector: Float32Array): Float32Array => Float32Array.from({ length: 256 }, (_, i) => vector[i % vector.length]! / 4)
    await store.upsert(library(12_000).map((entry) => ({ ...entry, vectors: { base: wide(entry.vectors['base']!) } })))
    say('leaving')
  }
} catch (error) {
  say((error as { code?: string }).code ?? String(error))
}
