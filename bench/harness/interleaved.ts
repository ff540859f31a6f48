import { performance } from 'node:perf_hooks'

/**
 * Median milliseconds of each way of doing something, measured in turn: what else the machine does meets all of them, and each is as
 * often first as the others.
 */
export async function interleaved<Way extends string>(
  ways: Readonly<Record<Way, () => Promise<unknown>>>,
  { rounds, warmUp = 3 }: { readonly rounds: number; readonly warmUp?: number },
): Promise<Record<Way, number>> {
  const names = Object.keys(ways) as Way[]
  const times = new Map(names.map((name) => [name, [] as number[]]))
  for (let round = -warmUp; round < rounds; round++) {
    for (const i of names.keys()) {
      const name = names[(i + round + warmUp) % names.length]!
      const start = performance.now()
      await ways[name]()
      if (round >= 0) times.get(name)!.push(performance.now() - start)
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(times.get(name)!)])) as Record<Way, number>
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
