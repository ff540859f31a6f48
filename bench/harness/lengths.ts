/** The first `count` texts with as many tokens as wanted, in their order. @throws when there are fewer */
export function textsOfTokens(
  documents: readonly { readonly text: string }[],
  count: number,
  { tokenize, least, most }: { tokenize: (text: string) => readonly number[]; least: number; most: number },
): string[] {
  const texts: string[] = []
  const seen = new Set<string>()
  for (const { text } of documents) {
    if (texts.length === count) return texts
    // A token has a letter or more: what is far too long need not be cut up.
    if (text.length > most * 12 || seen.has(text)) continue
    const { length } = tokenize(text)
    if (length < least || length > most) continue
    seen.add(text)
    texts.push(text)
  }
  if (texts.length === count) return texts
  throw new Error(`${count} texts of ${least} to ${most} tokens were wanted; there are ${texts.length}.`)
}
