import type { LanguageModel } from '../../src/language-model/language-model.ts'
import { random } from '../../src/train/random.ts'
import type { TaskSample } from '../../src/tasks/sample.ts'

const names = [
  'Lily',
  'Tim',
  'Tom',
  'Anna',
  'Ben',
  'Sara',
  'Max',
  'Mia',
  'Sam',
  'Lucy',
  'Jack',
  'Amy',
  'Bob',
  'Sue',
  'Leo',
  'Emma',
  'Joe',
  'Kitty',
  'Spot',
  'Daisy',
]
const kinds = [
  'little girl',
  'little boy',
  'dog',
  'cat',
  'bird',
  'bear',
  'rabbit',
  'frog',
  'big tree',
  'fish',
  'mouse',
  'duck',
  'old man',
  'fairy',
  'puppy',
  'bunny',
  'truck',
  'princess',
]
const places = [
  'in the park',
  'near a big lake',
  'in a small house',
  'in the forest',
  'on a farm',
  'by the sea',
  'in a big city',
  'at school',
  'in the garden',
  'on a hill',
]

/** Stories in the model's own words: text that it understands, as small as it is. */
export async function drawStories(model: LanguageModel, count: number, onStory: (done: number) => void): Promise<string[]> {
  const stories: string[] = []
  for (let i = 0; i < count; i++) {
    const opening = `Once upon a time, ${places[i % 10]}, there was a ${kinds[(i * 7) % 18]} named ${names[(i * 3 + Math.floor(i / 20)) % 20]}.`
    const [rest] = await model.sample!({ before: opening, key: '', after: '' }, { count: 1, maxTokens: 330, temperature: 0.8, seed: i + 1 })
    stories.push(opening + rest)
    onStory(i + 1)
  }
  return stories
}

/** A sample, and the story it is of: samples of one story must not be on both sides of a division. */
export interface StorySample extends TaskSample {
  readonly story: number
}

/** Candidates of a sample. */
const candidates = 12

/**
 * Long-range language modelling (lrlm) on stories: a chunk of two sentences is the query, the next chunk the answer; candidates are the
 * story's earlier chunks, its last but one excepted, and chunks of other stories.
 */
export function storySamples(stories: readonly string[], seed: number): StorySample[] {
  const all = stories.map(chunksOf)
  const generator = random(seed)
  const samples: StorySample[] = []
  for (const [story, chunks] of all.entries()) {
    for (let place = 2; place + 1 < chunks.length && place < 5; place++) {
      const keys = chunks.slice(0, place - 1)
      while (keys.length < candidates) {
        const other = all[generator.below(all.length)]!
        if (other !== chunks && other.length > 0) keys.push(other[generator.below(other.length)]!)
      }
      const [query, answer] = [chunks[place]!, chunks[place + 1]!]
      samples.push({
        task: 'lrlm',
        id: `${story}-${place}`,
        query,
        candidates: keys,
        positives: 0,
        answers: [answer],
        line: samples.length + 1,
        story,
      })
    }
  }
  return samples
}

function chunksOf(story: string): string[] {
  const sentences = story.replace(/\s+/g, ' ').match(/[^.!?]+[.!?]+["']?\s*/g) ?? []
  return Array.from({ length: Math.floor(sentences.length / 2) }, (_, i) => (sentences[2 * i]! + sentences[2 * i + 1]!).trim())
}
