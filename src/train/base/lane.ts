import { infoNce } from '../info-nce.ts'
import { transpose } from '../matrix.ts'
import { bytesFor, type Workspace } from '../simd/workspace.ts'
import type { Block } from './block.ts'
import { findNeighbours, type NeighbourRoom } from './neighbours.ts'
import type { PackedTask, PackedTexts } from './packed.ts'

/** Where a lane adds up the gradient of the blocks it is given. */
export interface LaneGradient {
  readonly values: Float32Array
  /** 1 for each row that any block used. */
  readonly touched: Uint8Array
}

/** Most tokens of a text that a block holds. */
export const longestText = 512

/** Bytes a lane takes of its workspace. */
export function laneBytes(dimensions: number, largest: number): number {
  const matrix = largest * dimensions
  return bytesFor(
    matrix,
    matrix,
    matrix,
    matrix,
    largest * largest,
    largest * largest,
    matrix,
    dimensions,
    largest * longestText,
    largest * longestText,
  )
}

/** Computes losses and gradients of blocks; reuses its matrices, so one lane serves one thread. */
export function baseLane(space: Workspace, table: Float32Array, dimensions: number, largest: number) {
  const queries = makeSide(space, largest, dimensions)
  const documents = makeSide(space, largest, dimensions)
  const cosines = space.floats(largest * largest)
  const turned = space.floats(largest * largest)
  const flipped = space.floats(dimensions * largest)
  const work = space.floats(dimensions)

  const pool = ({ tokens, offsets }: PackedTexts, side: Side): void => {
    side.tokens.set(tokens)
    for (let i = 0; i + 1 < offsets.length; i++) {
      side.lengths[i] = space.poolTokens(table, dimensions, side.tokens, offsets[i]!, offsets[i + 1]!, side.units, i * dimensions)
    }
  }
  const unpool = ({ values, touched }: LaneGradient, { offsets }: PackedTexts, { tokens, units, lengths, upstream }: Side): void => {
    for (let i = 0; i + 1 < offsets.length; i++) {
      space.unpoolTokens(
        values,
        touched,
        dimensions,
        tokens,
        offsets[i]!,
        offsets[i + 1]!,
        units,
        lengths[i]!,
        upstream,
        i * dimensions,
        work,
      )
    }
  }

  const neighbourRoom: NeighbourRoom = {
    space,
    left: queries.units,
    right: documents.units,
    cosines,
    size: largest,
    embed({ tokens, offsets }, places, vectors) {
      places.forEach((place, i) => {
        const length = Math.min(offsets[place + 1]! - offsets[place]!, longestText)
        queries.tokens.set(tokens.subarray(offsets[place]!, offsets[place]! + length))
        space.poolTokens(table, dimensions, queries.tokens, 0, length, vectors, i * dimensions)
      })
    },
  }

  return {
    /** Looks for the neighbours of this thread's share of a task's queries. */
    findNeighbours: (task: PackedTask, share: { thread: number; threads: number }): void =>
      findNeighbours(task, neighbourRoom, dimensions, share),
    /** Adds the block's gradient, times `weight`, and returns its loss. */
    run(
      { size, queries: queryTexts, documents: documentTexts, masked }: Block,
      temperature: number,
      weight: number,
      gradient: LaneGradient,
    ): number {
      pool(queryTexts, queries)
      pool(documentTexts, documents)
      space.multiplyTransposed(queries.units, documents.units, cosines, size, size, dimensions)
      const targets = Uint32Array.from({ length: size }, (_, i) => i)
      const loss = infoNce(cosines, { rows: size, columns: size, targets, masked, temperature, symmetric: true })
      for (let i = 0; i < size * size; i++) cosines[i]! *= weight

      transpose(documents.units, flipped, size, dimensions)
      space.multiplyTransposed(cosines, flipped, queries.upstream, size, dimensions, size)
      transpose(queries.units, flipped, size, dimensions)
      transpose(cosines, turned, size, size)
      space.multiplyTransposed(turned, flipped, documents.upstream, size, dimensions, size)
      unpool(gradient, queryTexts, queries)
      unpool(gradient, documentTexts, documents)
      return loss
    },
  }
}

interface Side {
  readonly tokens: Uint32Array
  readonly units: Float32Array
  readonly lengths: Float64Array
  readonly upstream: Float32Array
}

function makeSide(space: Workspace, largest: number, dimensions: number): Side {
  return {
    tokens: space.integers(largest * longestText),
    units: space.floats(largest * dimensions),
    lengths: new Float64Array(largest),
    upstream: space.floats(largest * dimensions),
  }
}
