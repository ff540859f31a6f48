import { warmUpThenDecay, type AdamState } from '../adam.ts'
import { random } from '../random.ts'
import type { SharedMemory } from '../../wasm/memory.ts'
import { workspace, type Workspace } from '../simd/workspace.ts'
import { serveWorker } from '../../worker.ts'
import { drawBlock } from './block.ts'
import { baseLane, type LaneGradient } from './lane.ts'
import type { PackedTask } from './packed.ts'

/** What all threads of a base training see. Arrays are shared memory. */
export interface BaseJob {
  readonly tasks: readonly PackedTask[]
  readonly dimensions: number
  /** Holds the arrays below, and from `scratch[thread]` on room for each thread. */
  readonly memory: SharedMemory
  readonly scratch: readonly { readonly start: number; readonly end: number }[]
  readonly table: Float32Array
  readonly adam: AdamState
  /** One for each lane: their number, not that of the threads, fixes the order of additions, hence the result. */
  readonly gradients: readonly LaneGradient[]
  /** [threads that arrived, round], for the barrier. */
  readonly barrier: Int32Array
  readonly threads: number
  readonly thread: number
  readonly seed: number
  readonly blockSize: number
  readonly blocks: number
  readonly temperature: number
}

/** Consecutive steps under one schedule. */
export interface BaseSegment {
  readonly from: number
  readonly to: number
  /** First step and length of the schedule's stage. */
  readonly stageStart: number
  readonly stageSteps: number
  readonly rate: number
  readonly pairShare: number
  readonly dropout: number
  readonly neighbours: number
}

let job: BaseJob
let space: Workspace
let lane: ReturnType<typeof baseLane>

serveWorker({
  start(given: BaseJob) {
    job = given
    space = workspace({ memory: job.memory, ...job.scratch[job.thread]! })
    lane = baseLane(space, job.table, job.dimensions, job.blockSize)
  },
  /** Looks for the neighbours of this thread's share of all queries, under the table as it is now. */
  neighbours(): void {
    for (const task of job.tasks) lane.findNeighbours(task, job)
  },
  /** Returns this thread's share of the mean loss. */
  segment(segment: BaseSegment): number {
    let loss = 0
    for (let step = segment.from; step < segment.to; step++) {
      loss += gradients(step, segment)
      meet()
      update(step, warmUpThenDecay(step - segment.stageStart, segment.stageSteps, segment.rate))
      meet()
    }
    return loss / (segment.to - segment.from)
  },
  close() {},
})

function gradients(step: number, { pairShare, dropout, neighbours }: BaseSegment): number {
  const { gradients: lanes, blocks, threads, thread, tasks, seed, blockSize, temperature } = job
  let loss = 0
  for (let l = thread; l < lanes.length; l += threads) {
    for (let block = l; block < blocks; block += lanes.length) {
      const drawn = drawBlock(tasks, { size: blockSize, pairShare, dropout, neighbours }, random(seed, step, block))
      loss += lane.run(drawn, temperature, 1 / blocks, lanes[l]!) / blocks
    }
  }
  return loss
}

function update(step: number, rate: number): void {
  const { table, adam, gradients: lanes, dimensions, threads, thread } = job
  const sum = lanes[0]!
  for (let row = thread; row < sum.touched.length; row += threads) {
    if (!lanes.some(({ touched }) => touched[row])) continue
    const start = row * dimensions
    const end = start + dimensions
    for (const { values, touched } of lanes.slice(1)) {
      if (!touched[row]) continue
      for (let i = start; i < end; i++) sum.values[i]! += values[i]!
      values.fill(0, start, end)
      touched[row] = 0
    }
    space.adamUpdate(table, sum.values, adam, start, end, { rate, step: step + 1 })
    sum.values.fill(0, start, end)
    sum.touched[row] = 0
  }
}

/** Waits until every thread is here. */
function meet(): void {
  const { barrier, threads } = job
  if (threads === 1) return
  const round = Atomics.load(barrier, 1)
  if (Atomics.add(barrier, 0, 1) === threads - 1) {
    Atomics.store(barrier, 0, 0)
    Atomics.add(barrier, 1, 1)
    Atomics.notify(barrier, 1)
  } else {
    while (Atomics.load(barrier, 1) === round) {
      // A partner that failed never comes: better an error than a thread that waits for ever.
      if (Atomics.wait(barrier, 1, round, 120_000) === 'timed-out') throw new Error('Another training thread stopped answering.')
    }
  }
}
