import type { Vector } from '../../vector.ts'
import { growingMemory, pageBytes, type GrowingMemory } from '../../wasm/memory.ts'
import { boundKernels, together, type BoundKernels } from './rounded-kernel.ts'

/**
 * Copies of vectors with 8 bits an element, by place: a quarter of the memory to look through, and four times the products an instruction.
 * They bound each product from above, proven from how far every copy is from its vector, so a scan that looks closer only where the
 * bound demands it finds exactly what a scan of everything finds. What is kept is how a vector differs from a centre: many models
 * give all texts vectors of about one direction, of which what matters would be lost in rounding.
 */
export interface RoundedRows {
  set(place: number, vector: Vector): void
  /** Bounds for one query, until the next. A query of zeros, or one that is not finite, has none. */
  ask(query: Vector): Bounds
  /** Bounds of several queries for all places below `count`, query by query: of four at once it takes 0.6 of the time. */
  askTogether(queries: readonly Vector[], count: number): Float32Array[]
}

export interface Bounds {
  /** Upper bounds for `count` places from `from` on, or for those of `places`. At most `block`; gone with the next call. May be NaN where numbers overflow. */
  consecutive(from: number, count: number): Float32Array
  chosen(places: Int32Array): Float32Array
}

/** Places that are bounded in one call: their bounds stay in the processor's cache. */
export const block = 1024

/** What one memory is used for at most; more rows get a memory more. */
export const mostBytes = 65_535 * pageBytes

/** Where nothing is: no memory for more copies, or no vector instructions. */
export type MaybeRounded = RoundedRows | undefined

export interface RoundedOptions {
  /** Vectors that will come: they need no growth. */
  readonly expected: number
  /** What vectors are likely to be near; their mean is best. Any other serves, with bounds that are less close. @default zeros */
  readonly centre?: Vector
  /** Bytes of one memory. @default what WebAssembly allows */
  readonly most?: number
}

/**
 * Room for copies of so many vectors, or more as they come.
 * @returns `undefined` where the processor or the engine has no means for it, or there is no memory
 */
export function roundedRows(dimensions: number, { expected, centre, most = mostBytes }: RoundedOptions): MaybeRounded {
  const width = 16 * Math.ceil(dimensions / 16)
  // A sum of products in 32 bits holds as many as this of the largest values.
  const largestQuery = Math.min(32_767, Math.floor((2 ** 31 - 1) / (largestValue * width)))
  const perShelf = Math.floor((most - scratchBytes(width)) / (width + 8)) - 4
  if (largestQuery < 1 || perShelf < 1) return undefined
  const shelves: Shelf[] = []
  try {
    shelves.push(shelf(width, Math.min(expected, perShelf)))
  } catch {
    return undefined
  }
  const middle = Float64Array.from(centre ?? new Float64Array(dimensions))
  const difference = new Float64Array(dimensions)
  /** Length of the longest difference from the centre there ever was, with its error. */
  let longest = 0

  const shelfOf = (place: number): Shelf => {
    const index = Math.floor(place / perShelf)
    return (shelves[index] ??= shelf(width, 0))
  }

  return {
    set(place, vector) {
      for (let i = 0; i < dimensions; i++) difference[i] = vector[i]! - middle[i]!
      const { length, error } = shelfOf(place).set(place % perShelf, difference)
      longest = Math.max(longest, length + error)
    },

    ask(query) {
      const values = new Int16Array(width)
      const { step, length, margin } = factsOf(query, values)
      for (const each of shelves) each.query.set(values)
      const part = (place: number): number => Math.floor(place / perShelf)
      const out = new Float32Array(block)
      return {
        consecutive(from, count) {
          for (let done = 0; done < count;) {
            const place = (from + done) % perShelf
            const now = Math.min(count - done, perShelf - place)
            out.set(shelves[part(from + done)]!.bound(undefined, place, now, step, length, margin), done)
            done += now
          }
          return out.subarray(0, count)
        },
        chosen(places) {
          for (let done = 0; done < places.length;) {
            const index = part(places[done]!)
            let end = done + 1
            while (end < places.length && part(places[end]!) === index) end++
            const local = places.subarray(done, end).map((place) => place - index * perShelf)
            out.set(shelves[index]!.bound(local, 0, end - done, step, length, margin), done)
            done = end
          }
          return out.subarray(0, places.length)
        },
      }
    },

    askTogether(queries, count) {
      const all = queries.map(() => new Float32Array(count))
      for (let first = 0; first < queries.length; first += together) {
        const group = queries.slice(first, first + together)
        const values = new Int16Array(together * width)
        const facts = new Float32Array(together * 3)
        for (const [i, query] of group.entries()) {
          const { step, length, margin } = factsOf(query, values.subarray(i * width, (i + 1) * width))
          facts.set([step, length, margin], 3 * i)
        }
        for (const [index, each] of shelves.entries()) {
          const outs = all.slice(first, first + together).map((out) => out.subarray(index * perShelf))
          each.boundTogether(values, facts, Math.min(perShelf, count - index * perShelf), outs)
        }
      }
      return all
    },
  }

  /** Rounds a query, and tells what its bounds are made with. */
  function factsOf(query: Vector, out: Int16Array): { step: number; length: number; margin: number } {
    const { step, length, error } = round(query, out, largestQuery)
    let atCentre = 0
    for (let i = 0; i < dimensions; i++) atCentre += query[i]! * middle[i]!
    // Float arithmetic rounds eight times at most, by less than a sixteen-millionth each.
    return { step, length, margin: atCentre + longest * (error + 1e-6 * length) + 1e-6 * Math.abs(atCentre) }
  }
}

/** One memory: queries, what their bounds are made with, a list of places, bounds, and the rows. */
interface Shelf {
  readonly query: Int16Array
  set(place: number, difference: Float64Array): { readonly length: number; readonly error: number }
  /** Of `places`, else of consecutive ones. */
  bound(places: Int32Array | undefined, from: number, count: number, step: number, length: number, margin: number): Float32Array
  /** Of as many queries as there are `outs`, for the first `count` places. */
  boundTogether(values: Int16Array, facts: Float32Array, count: number, outs: readonly Float32Array[]): void
}

const largestValue = 127

function scratchBytes(width: number): number {
  return together * (2 * width + 3 * 4) + (2 + together) * 4 * block
}

function shelf(width: number, expected: number): Shelf {
  const stride = width + 8
  const atFacts = together * 2 * width
  const atCounting = atFacts + together * 3 * 4
  const atChosen = atCounting + 4 * block
  const atOut = atChosen + 4 * block
  const atRows = atOut + together * 4 * block
  const memory: GrowingMemory = growingMemory(atRows + expected * stride)
  const kernels: BoundKernels = boundKernels(memory)
  const counting = new Int32Array(memory.buffer, atCounting, block).map((_, i) => i)
  new Int32Array(memory.buffer, atCounting, block).set(counting)
  const chosen = new Int32Array(memory.buffer, atChosen, block)
  const out = new Float32Array(memory.buffer, atOut, block)
  let bytes = new Int8Array(memory.buffer)
  let floats = new Float32Array(memory.buffer)
  const rounded = new Int8Array(width)

  return {
    query: new Int16Array(memory.buffer, 0, width),

    set(place, difference) {
      // The kernel takes places by fours.
      const end = atRows + (place + 4) * stride
      if (end > bytes.length) {
        memory.grow(Math.ceil((end - bytes.length) / pageBytes) + growthPages)
        bytes = new Int8Array(memory.buffer)
        floats = new Float32Array(memory.buffer)
      }
      const { step, length, error } = round(difference, rounded, largestValue)
      const at = atRows + place * stride
      bytes.set(rounded, at)
      floats[(at + width) / 4] = step
      floats[(at + width) / 4 + 1] = error * (1 + 2 ** -20)
      return { length, error }
    },

    bound(places, from, count, step, length, margin) {
      if (places) {
        chosen.fill(0, count, count + 3)
        chosen.set(places)
      }
      const list = places ? atChosen : atCounting
      kernels.bound(list, list + 16 * Math.ceil(count / 4), 0, atOut, atRows + from * stride, stride, width, step, length, margin)
      return out.subarray(0, count)
    },

    boundTogether(values, facts, count, outs) {
      new Int16Array(memory.buffer, 0, together * width).set(values)
      new Float32Array(memory.buffer, atFacts, together * 3).set(facts)
      for (let from = 0; from < count; from += block) {
        const now = Math.min(block, count - from)
        const start = atRows + from * stride
        kernels.boundTogether(start, start + 2 * Math.ceil(now / 2) * stride, 0, atFacts, atOut, 4 * block, stride, width)
        for (const [i, result] of outs.entries()) result.set(new Float32Array(memory.buffer, atOut + i * 4 * block, now), from)
      }
    },
  }
}

/** Pages a memory grows by beyond what is needed at once. */
const growthPages = 16

/** Rounds to whole numbers up to `largest`, and measures in float64 what that lost: `error` is the length of the difference. */
function round(
  vector: Vector | Float64Array,
  out: Int8Array | Int16Array,
  largest: number,
): { step: number; length: number; error: number } {
  const n = vector.length
  let most = 0
  for (let i = 0; i < n; i++) {
    const value = vector[i]!
    if (value > most) most = value
    else if (-value > most) most = -value
  }
  // So little is nothing: a step among the smallest numbers would be too coarse to keep values below `largest`.
  const step = most < 1e-30 ? 0 : Math.fround(most / largest)
  const inverse = step > 0 ? 1 / step : 0
  let squares = 0
  let errors = 0
  for (let i = 0; i < n; i++) {
    const value = vector[i]!
    const rounded = value * inverse + toWhole - toWhole
    const difference = value - rounded * step
    out[i] = rounded
    squares += value * value
    errors += difference * difference
  }
  return { step, length: Math.sqrt(squares), error: Math.sqrt(errors) }
}

/** Adding it to a double of at most 51 bits leaves no room for a fraction; several times as fast as `Math.round`. */
const toWhole = 1.5 * 2 ** 52
