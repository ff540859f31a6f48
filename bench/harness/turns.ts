import { setTimeout as pause } from 'node:timers/promises'

/**
 * Takes contenders in turn, one at a time, in an order that moves on every round; each round of each gives values (mostly milliseconds).
 * The pause lets the threads of the one before go to sleep: those of transformers.js spin for
 * 0.3 s after a run, ours and the floors' do not.
 */
export async function inTurn<Name extends string>(
  ways: readonly (readonly [Name, () => Promise<number | readonly number[]>])[],
  rounds: number,
  { pause: milliseconds = 50 }: { readonly pause?: number } = {},
): Promise<Map<Name, number[]>> {
  const values = new Map<Name, number[]>(ways.map(([name]) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const i of ways.keys()) {
      const [name, measure] = ways[(i + round) % ways.length]!
      await pause(milliseconds)
      values.get(name)!.push(...[await measure()].flat())
    }
  }
  return values
}
