import type { Engine } from '../../index.ts'

/**
 * Removes parts that an earlier version of a document left behind: a text that grew or shrank comes in another number
 * of parts, and the surplus ones would go on being found. Returns how many that were.
 */
export async function removeStaleParts(engine: Engine, partsOf: ReadonlyMap<string, number>): Promise<number> {
  let removed = 0
  const entries = [...partsOf]
  for (let start = 0; start < entries.length; start += 500) {
    const page = entries.slice(start, start + 500)
    // One id tells: the whole document where there are parts now, else the first part beyond the last.
    const suspects = page.flatMap(([id, parts]) => (parts > 1 ? [id, `${id}#${parts + 1}`] : [`${id}#1`]))
    const found = (await engine.get(suspects)).filter((document) => document !== undefined)
    for (const { id, metadata } of found) {
      const whole = metadata?.chunkOf
      if (typeof whole !== 'string') removed += partsOf.get(id)! > 1 ? await engine.delete({ ids: [id] }) : 0
      else
        removed += await engine.delete({ filter: { chunkOf: whole, chunk: { $gt: partsOf.get(whole) === 1 ? 0 : partsOf.get(whole)! } } })
    }
  }
  return removed
}
