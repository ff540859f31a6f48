import type { LinearLayer } from '../lora/linear-layers.ts'
import { adapterIds, branchInputs } from '../lora/side-branches.ts'
import type { LoraWeights } from '../lora/weights.ts'
import type { Feeds } from './feeds.ts'

/** An expert's change of a model, as the bank keeps it. */
export interface Adapter {
  readonly weights: LoraWeights
}

/** LoRA weights of all experts of one model, in the inputs that its side branches take. */
export interface AdapterBank {
  readonly size: number
  /** `weights` must be matched with the layers of the graph. */
  add(weights: LoraWeights): Adapter
  remove(adapter: Adapter): void
  /** What a batch is fed, by the adapter of each text; `undefined` is the model itself. */
  feeds(layers: readonly LinearLayer[], adapters: readonly (Adapter | undefined)[]): Feeds
}

/** Row 0 is the model itself: zeros. Ranks are filled up with zeros to the largest, as are layers that an expert leaves alone. */
export function adapterBank(): AdapterBank {
  const rows: Adapter[] = []
  // A batch without experts is not to pay for the ranks of those that are not in it.
  let plain: Built | undefined
  let full: Built | undefined

  return {
    get size() {
      return rows.length
    },
    add(weights) {
      const adapter = { weights }
      rows.push(adapter)
      full = undefined
      return adapter
    },
    remove(adapter) {
      const at = rows.indexOf(adapter)
      if (at >= 0) rows.splice(at, 1)
      full = undefined
    },
    feeds(layers, adapters) {
      const anyone = adapters.some((adapter) => adapter !== undefined)
      const chosen = adapters.every((adapter) => adapter === adapters[0]) ? adapters.slice(0, 1) : adapters
      if (plain?.layers !== layers) plain = { layers, feeds: buildBank(layers, []) }
      if (anyone && full?.layers !== layers) full = { layers, feeds: buildBank(layers, rows) }
      const ids = BigInt64Array.from(chosen, (adapter) => BigInt(adapter === undefined ? 0 : rows.indexOf(adapter) + 1))
      return { ...(anyone ? full! : plain).feeds, [adapterIds]: { values: ids, sides: [ids.length] } }
    },
  }
}

interface Built {
  readonly layers: readonly LinearLayer[]
  readonly feeds: Feeds
}

function buildBank(layers: readonly LinearLayer[], rows: readonly Adapter[]): Feeds {
  const rank = Math.max(1, ...rows.flatMap(({ weights }) => weights.modules.map((module) => module.rank)))
  const count = rows.length + 1
  const feeds: Record<string, Feeds[string]> = {}
  for (const layer of layers) {
    const { inputs, outputs } = layer
    const a = new Float32Array(count * inputs * rank)
    const b = new Float32Array(count * rank * outputs)
    rows.forEach(({ weights: { modules, scaling } }, i) => {
      const change = modules.find(({ module }) => module === layer.module)
      if (!change) return
      for (let r = 0; r < change.rank; r++) {
        for (let input = 0; input < inputs; input++) a[((i + 1) * inputs + input) * rank + r] = change.a[r * inputs + input]!
        for (let output = 0; output < outputs; output++) {
          b[((i + 1) * rank + r) * outputs + output] = scaling * change.b[output * change.rank + r]!
        }
      }
    })
    const names = branchInputs(layer)
    feeds[names.a] = { values: a, sides: [count, inputs, rank] }
    feeds[names.b] = { values: b, sides: [count, rank, outputs] }
  }
  return feeds
}
