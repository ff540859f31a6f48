/** How a task has been doing: its first loss, and a running mean of the later ones. `undefined` until it has been learned from. */
export type TaskPace = { readonly first: number; readonly average: number } | undefined

/** What the last loss counts in the running mean. */
const freshness = 0.1
/** Steps become at most so many times as large, and at least as small as the inverse. */
const limit = 2

/**
 * Self-paced scheduling (LLM-Embedder): tasks whose loss is still high get larger steps. How high is what is left of the first loss, as losses of
 * different tasks and kinds do not compare; the multiplier is a task's remainder over the mean of all tasks', from ½ to 2.
 */
export function selfPacing(tasks: number, from: readonly TaskPace[] = []) {
  const paces: TaskPace[] = Array.from({ length: tasks }, (_, task) => from[task])
  const left = (pace: NonNullable<TaskPace>): number => (pace.first > 0 ? Math.max(0, pace.average / pace.first) : 1)
  return {
    paces: paces as readonly TaskPace[],
    /** What the learning rate of a task's step is multiplied by. */
    paceOf(task: number): number {
      const own = paces[task]
      if (!own) return 1
      const known = paces.filter((pace) => pace !== undefined)
      const mean = known.reduce((sum, pace) => sum + left(pace), 0) / known.length
      return mean > 0 ? Math.min(limit, Math.max(1 / limit, left(own) / mean)) : 1
    },
    learned(task: number, loss: number): void {
      const own = paces[task]
      paces[task] = own ? { first: own.first, average: own.average + freshness * (loss - own.average) } : { first: loss, average: loss }
    },
  }
}
