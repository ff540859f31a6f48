import { recallOf } from './exact.ts'

/** Breadths of a graph search that are tried, narrow first. */
const breadths = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024]

/**
 * The narrowest search that finds as much as wanted, to within a thirtieth; the broadest there is when none does. `find` gives what a breadth
 * finds.
 */
export async function narrowest(
  recall: number,
  wanted: readonly (readonly number[])[],
  find: (breadth: number) => Promise<readonly (readonly number[])[]>,
): Promise<{ breadth: number; recall: number }> {
  const at = async (breadth: number): Promise<{ breadth: number; recall: number }> => ({
    breadth,
    recall: recallOf(await find(breadth), wanted),
  })
  let below = 0
  for (const breadth of breadths) {
    let best = await at(breadth)
    if (best.recall >= recall || breadth === breadths.at(-1)) {
      while (best.breadth - below > Math.max(1, best.breadth / 30)) {
        const between = await at((below + best.breadth) >> 1)
        if (between.recall >= recall) best = between
        else below = between.breadth
      }
      return best
    }
    below = breadth
  }
  throw new Error('There is always a broadest search.')
}
