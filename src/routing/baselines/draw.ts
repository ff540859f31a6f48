/** `count` of the items at most, drawn by their text and the seed alone, so that no other item decides who is drawn. */
export function draw<T extends { readonly text: string }>(items: readonly T[], count: number, seed: number): T[] {
  return items
    .map((item, place) => ({ item, place, hash: hashOf(item.text, seed) }))
    .sort((a, b) => a.hash - b.hash || a.place - b.place)
    .slice(0, count)
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)
}

function hashOf(text: string, seed: number): number {
  let hash = mix(seed ^ 0x811c9dc5)
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mix(hash) >>> 0
}

function mix(value: number): number {
  let h = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
