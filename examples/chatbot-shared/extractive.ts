/** Something that was found. */
export interface Passage {
  readonly id: string
  readonly title?: string
  readonly text: string
}

/** A sentence of a passage, word for word. */
export interface Quote {
  readonly id: string
  readonly sentence: string
}

/**
 * The sentences that share most with the question, best first: what can honestly be answered without a model. Words
 * that few of the sentences have count more; a better-ranked passage gets a head start. Never empty when `passages` is
 * not: the beginning of the best one says at least what it is about.
 */
export function bestSentences(question: string, passages: readonly Passage[], count = 3): Quote[] {
  const wanted = new Set(stems(question))
  const sentences = passages.flatMap(({ id, title = '', text }, rank) =>
    split(text).map((sentence, position) => ({ id, sentence, rank, position, stems: new Set(stems(`${title} ${sentence}`)) })),
  )
  const rarity = new Map<string, number>()
  for (const stem of wanted) {
    const holding = sentences.filter((sentence) => sentence.stems.has(stem)).length
    if (holding > 0) rarity.set(stem, Math.log(1 + sentences.length / holding))
  }
  const scored = sentences
    .map(({ stems: own, ...sentence }) => ({ ...sentence, overlap: sum([...own].map((stem) => rarity.get(stem) ?? 0)) }))
    .map((sentence) => ({ ...sentence, score: sentence.overlap / (1 + 0.3 * sentence.rank) }))
    .sort((a, b) => b.score - a.score || a.rank - b.rank || a.position - b.position)
  const telling = scored.filter(({ score }) => score > 0 && score >= 0.5 * scored[0]!.score)
  return (telling.length > 0 ? telling : scored).slice(0, telling.length > 0 ? count : 1).map(({ id, sentence }) => ({ id, sentence }))
}

/** An answer made of quotations, which says that it is one. */
export function extractiveAnswer(question: string, passages: readonly Passage[]): string {
  if (passages.length === 0) return 'Nothing in the collection matches this question.'
  const quotes = bestSentences(question, passages)
  if (quotes.length === 0) return `The best matches hold no text: ${passages.map(({ id }) => `[${id}]`).join(' ')}`
  return [
    'No model is configured, so these are the closest sentences, word for word:',
    ...quotes.map(({ id, sentence }) => `- ${sentence} [${id}]`),
  ].join('\n')
}

function split(text: string): string[] {
  const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' })
  return text
    .split(/\n+/)
    .flatMap((line) => [...segmenter.segment(line)].map(({ segment }) => segment.trim()))
    .filter((sentence) => sentence !== '')
}

const stopWords = new Set(
  (
    'a an and any are as at be been by can could did do does for from had has have how i if in into is it its me my no not of on or ' +
    'our should so some than that the their them then there these they this to us was we were what when where which who why will with would you your'
  ).split(' '),
)

function stems(text: string): string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []
  return words
    .filter((word) => !stopWords.has(word))
    .map((word) => (word.length > 4 ? word.replace(/(ing|ies|ed|es|s|y)$/, '') : word.replace(/s$/, '')))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
