import { infoNce } from '../info-nce.ts'
import { multiplyTransposed, transpose } from '../matrix.ts'
import { poolTokens, unpoolTokens } from '../pooling.ts'
import type { Block } from './block.ts'
import type { PackedTexts } from './packed.ts'

/** Where a lane adds up the gradient of the blocks it is given. */
export interface LaneGradient {
  readonly values: Float32Array
  /** 1 for each row that any block used. */
  readonly touched: Uint8Array
}

/** Computes losses and gradients of blocks; reuses its matrices, so one lane serves one thread. */
export function baseLane(table: Float32Array, dimensions: number, largest: number) {
  const room = (rows: number, columns: number): Float32Array => new Float32Array(rows * columns)
  const queries = side(largest, dimensions)
  const documents = side(largest, dimensions)
  const cosines = room(largest, largest)
  const turned = room(largest, largest)
  const flipped = room(dimensions, largest)
  const work = new Float32Array(dimensions)

  return {
    /** Adds the block's gradient, times `weight`, and returns its loss. */
    run({ size, queries: queryTexts, documents: documentTexts, masked }: Block, temperature: number, weight: number, gradient: LaneGradient): number {
      pool(table, dimensions, queryTexts, queries)
      pool(table, dimensions, documentTexts, documents)
      multiplyTransposed(queries.units, documents.units, cosines, size, size, dimensions)
      const targets = Uint32Array.from({ length: size }, (_, i) => i)
      const loss = infoNce(cosines, { rows: size, columns: size, targets, masked, temperature, symmetric: true })
      for (let i = 0; i < size * size; i++) cosines[i]! *= weight

      transpose(documents.units, flipped, size, dimensions)
      multiplyTransposed(cosines, flipped, queries.upstream, size, dimensions, size)
      transpose(queries.units, flipped, size, dimensions)
      transpose(cosines, turned, size, size)
      multiplyTransposed(turned, flipped, documents.upstream, size, dimensions, size)
      unpool(gradient, dimensions, queryTexts, queries, work)
      unpool(gradient, dimensions, documentTexts, documents, work)
      return loss
    },
  }
}

interface Side {
  readonly units: Float32Array
  readonly lengths: Float64Array
  readonly upstream: Float32Array
}

function side(largest: number, dimensions: number): Side {
  return {
    units: new Float32Array(largest * dimensions),
    lengths: new Float64Array(largest),
    upstream: new Float32Array(largest * dimensions),
  }
}

function pool(table: Float32Array, dimensions: number, { tokens, offsets }: PackedTexts, { units, lengths }: Side): void {
  for (let i = 0; i + 1 < offsets.length; i++) {
    lengths[i] = poolTokens(table, dimensions, tokens, offsets[i]!, offsets[i + 1]!, units, i * dimensions)
  }
}

function unpool({ values, touched }: LaneGradient, dimensions: number, { tokens, offsets }: PackedTexts, { units, lengths, upstream }: Side, work: Float32Array): void {
  for (let i = 0; i + 1 < offsets.length; i++) {
    const at = i * dimensions
    unpoolTokens(values, touched, dimensions, tokens, offsets[i]!, offsets[i + 1]!, units, lengths[i]!, upstream, at, work)
  }
}
