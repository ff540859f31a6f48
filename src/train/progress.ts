/** Where a training stands. */
export interface TrainingProgress {
  readonly stage: string
  readonly done: number
  readonly total: number
  /** Seconds left at the pace so far; undefined until there is one. */
  readonly eta: number | undefined
  readonly loss?: number
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
