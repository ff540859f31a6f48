/** Where a training stands. */
export interface TrainingProgress {
  readonly stage: string
  readonly done: number
  readonly total: number
  /** Seconds left at the pace so far; undefined until there is one. */
  readonly eta: number | undefined
  readonly loss?: number
  /** Queries learned from in a second, over the last steps. */
  readonly queriesPerSecond?: number
  /** Best nDCG@10 on held-out queries so far, where the trainer measures it. */
  readonly score?: number
}

/** Starts timing; the returned function tells where `done` of `total` steps stand. `already` steps were done before. */
export function startClock(total: number, already = 0, now = () => performance.now()) {
  const start = now()
  return (done: number): { done: number; total: number; eta: number | undefined } => {
    const fresh = done - already
    return { done, total, eta: fresh > 0 ? ((now() - start) / 1000 / fresh) * (total - done) : undefined }
  }
}

/** How many a second, over the last few marks. */
export function startMeter(now = () => performance.now()): (count: number) => number | undefined {
  const marks = [{ time: now(), total: 0 }]
  return (count) => {
    marks.push({ time: now(), total: marks.at(-1)!.total + count })
    if (marks.length > 21) marks.shift()
    const [first, last] = [marks[0]!, marks.at(-1)!]
    return last.time > first.time ? (1000 * (last.total - first.total)) / (last.time - first.time) : undefined
  }
}
