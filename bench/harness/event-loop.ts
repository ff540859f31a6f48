import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'

/** How long other work of a process had to wait, in milliseconds. */
export interface LoopDelay {
  readonly p99: number
  readonly max: number
}

const resolution = 1

/** How late the event loop was while something ran. */
export async function delayDuring(work: () => Promise<unknown>): Promise<LoopDelay> {
  const delay = monitorEventLoopDelay({ resolution })
  delay.enable()
  // What is late before its first look and after its last one would not be seen.
  await pause(20)
  await work()
  await pause(20)
  delay.disable()
  // What is recorded is the time between two looks, which is the resolution when nothing is late.
  const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - resolution)
  return { p99: late(delay.percentile(99)), max: late(delay.max) }
}
