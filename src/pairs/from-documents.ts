import type { TrainingSet } from '../train/expert/pairs.ts'
import { random, type Random } from '../train/random.ts'
import { pairGatherer, type GatheredPairs } from './gather.ts'
import { markdownSections, passagesOf, sentencesOf } from './sections.ts'

/** A document to make pairs of. */
export interface SourceText {
  readonly title?: string
  readonly text: string
  /** Whether `#` and underlines make headings. @default false */
  readonly markdown?: boolean
}

export interface PairsFromDocumentsOptions {
  /** Pairs to keep at most, drawn by `seed`. @default 5000 */
  readonly limit?: number
  /** @default 1 */
  readonly seed?: number
}

/** Characters of a passage, about what a user's index holds as one part. */
const passageSize = 1000
/** Words that a sentence needs to stand for a question, and those beyond which nobody asks. */
const words = { least: 5, most: 40 }

/**
 * Makes questions of documents: a heading stands for a question that the passage under it answers, a sentence for one that the
 * rest of its passage answers. They teach the words of a domain, not how people ask; real pairs are better.
 */
export async function pairsFromDocuments(
  documents: Iterable<SourceText> | AsyncIterable<SourceText>,
  { limit = 5000, seed = 1 }: PairsFromDocumentsOptions = {},
): Promise<GatheredPairs & TrainingSet> {
  const gatherer = pairGatherer()
  const generator = random(seed, 0xd0c)
  for await (const document of documents) {
    for (const { heading, text } of sections(document)) {
      passagesOf(text, passageSize).forEach((passage, place) => {
        const made = questions(passage, place === 0 ? heading : undefined, generator)
        for (const { query, rest } of made) gatherer.add({ query, passages: [rest], negatives: [] })
        // What gives no question is a wrong answer to the others, and its words teach too.
        if (made.length === 0) gatherer.document(passage)
      })
    }
  }
  return gatherer.gathered(limit, seed)
}

function sections({ title, text, markdown = false }: SourceText): { heading: string | undefined; text: string }[] {
  const cut = markdown ? markdownSections(text) : [{ heading: undefined, text }]
  return cut.map((section) => ({ heading: headingOf(title?.trim(), section.heading), text: section.text }))
}

/** A short heading says what of, with the document's title. */
function headingOf(title: string | undefined, heading: string | undefined): string | undefined {
  if (!heading || heading === title) return title || undefined
  return title && heading.split(/\s+/).length < 4 ? `${title} ${heading}` : heading
}

/** What a passage answers; all questions have the same rest of it, so that the collection holds it once. */
function questions(passage: string, heading: string | undefined, generator: Random): { query: string; rest: string }[] {
  const sentences = sentencesOf(passage)
  const suitable = sentences.filter((sentence) => {
    const count = sentence.split(/\s+/).length
    return count >= words.least && count <= words.most && /\p{L}/u.test(sentence)
  })
  // Of two sentences the other one alone says little.
  const chosen = sentences.length > 2 && suitable.length > 0 ? suitable[generator.below(suitable.length)] : undefined
  const rest = chosen === undefined ? passage : passage.replace(chosen, '').trim()
  const query = chosen?.replace(/\s+/g, ' ')
  return [...(query === undefined ? [] : [{ query, rest }]), ...(heading === undefined ? [] : [{ query: heading, rest }])]
}
