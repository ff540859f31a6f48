import { recallOf } from './exact.ts'

/** Breadths of a graph search that are tried, narrow first. */
export const breadths = [10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 320, 384, 512, 768, 1024]

/**
 * The narrowest search that finds as much as wanted; the broadest there is when none does. `find` gives what a breadth finds.
 */
export async function narrowest(
  recall: number,
  wanted: readonly (readonly number[])[],
  find: (breadth: number) => Promise<readonly (readonly number[])[]>,
): Promise<{ breadth: number; recall: number }> {
  let best = { breadth: breadths[0]!, recall: 0 }
  for (const breadth of breadths) {
    best = { breadth, recall: recallOf(await find(breadth), wanted) }
    if (best.recall >= recall) break
  }
  return best
}
