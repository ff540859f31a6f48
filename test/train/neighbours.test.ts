import { describe, expect, it } from 'vitest'
import { drawBlock } from '../../src/train/base/block.ts'
import { baseLane, laneBytes } from '../../src/train/base/lane.ts'
import { neighboursKept, packTask, type PackedTask } from '../../src/train/base/packed.ts'
import { random } from '../../src/train/random.ts'
import { workspace } from '../../src/train/simd/workspace.ts'

const dimensions = 4
const blockSize = 8
const words = ['up', 'upper', 'down', 'lower', 'nothing']
/** `up` and `upper` point one way, `down` and `lower` another. */
const table = [
  [1, 0, 0, 0],
  [0.9, 0.1, 0, 0],
  [0, 0, 1, 0],
  [0, 0, 0.9, 0.1],
  [0, 1, 0, 0],
]

/** Twelve queries, three for each of four documents; query `q` is about document `q % 4`. */
function packed(): PackedTask {
  const tokenize = (text: string): number[] => text.split(' ').flatMap((word) => (words.includes(word) ? [words.indexOf(word)] : []))
  return packTask(
    {
      name: 'directions',
      documents: ['up', 'upper', 'down', 'lower', 'nothing'].map((text) => ({ text })),
      pairs: Array.from({ length: 12 }, (_, q) => ({ query: words[q % 4]!, positives: [q % 4] })),
    },
    tokenize,
  )
}

function find(task: PackedTask, threads: number): void {
  for (let thread = 0; thread < threads; thread++) {
    const space = workspace(laneBytes(dimensions, blockSize) + 4096)
    const values = space.floats(table.length * dimensions)
    values.set(table.flat())
    baseLane(space, values, dimensions, blockSize).findNeighbours(task, { thread, threads })
  }
}

const neighboursOf = (task: PackedTask, query: number): number[] =>
  Array.from(task.neighbours.slice(query * neighboursKept, (query + 1) * neighboursKept)).filter((other) => other >= 0)

describe('neighbours', () => {
  it('are queries of the answers that rank highest and are wrong, nearest first', () => {
    const task = packed()

    find(task, 1)

    for (let query = 0; query < 12; query++) {
      const about = neighboursOf(task, query).map((other) => other % 4)
      expect(about).toHaveLength(3)
      expect(about).not.toContain(query % 4)
      expect(about[0]).toBe((query % 4) ^ 1)
    }
  })

  it('are the same however many threads look for them', () => {
    const [one, two] = [packed(), packed()]

    find(one, 1)
    find(two, 2)

    expect([...two.neighbours]).toEqual([...one.neighbours])
  })

  it('come into the block of the query they are neighbours of', () => {
    const task = packed()
    find(task, 1)

    for (let seed = 0; seed < 20; seed++) {
      const { queries } = drawBlock([task], { size: 4, pairShare: 1, neighbours: neighboursKept }, random(seed))
      const asked = [...queries.tokens].map((token) => token)
      // The first brings all of its neighbours: one query for each of the other documents.
      expect(new Set(asked)).toEqual(new Set([0, 1, 2, 3]))
    }
  })
})
