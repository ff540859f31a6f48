import { describe, expect, it } from 'vitest'
import { tokenizeWith, trainBase, type BaseCheckpoint, type BaseTask, type TrainedBase } from '../../src/train/index.ts'
import { poolTokens } from '../../src/train/pooling.ts'
import { dot } from '../../src/vector.ts'

const animals = ['cat', 'dog', 'horse', 'cow', 'goat', 'hen', 'duck', 'fox']
const sounds = ['meow', 'bark', 'neigh', 'moo', 'bleat', 'cluck', 'quack', 'howl']

/** What each animal says: nothing but training can tell, as questions and answers share no telling word. */
const farm: BaseTask = {
  name: 'farm',
  documents: sounds.map((sound) => ({ title: 'sound', text: `one hears ${sound}, then ${sound} again. It is loud and clear all day` })),
  pairs: animals.flatMap((animal, i) =>
    ['what says the', 'tell the sound of the', 'hear a', 'noise made by some'].map((opening) => ({
      query: `${opening} ${animal}`,
      positives: [i],
    })),
  ),
}
const options = {
  dimensions: 16,
  vocabularySize: 200,
  blockSize: 16,
  blocks: 2,
  seed: 3,
  stages: [
    { name: 'texts', steps: 10, pairShare: 0 },
    { name: 'pairs', steps: 40, pairShare: 0.9 },
    { name: 'hard', steps: 40, pairShare: 0.9, neighbours: 3 },
  ],
}

function best({ tokenizer, table, dimensions }: TrainedBase, query: string): number {
  const tokenize = tokenizeWith(tokenizer)
  const embed = (text: string): Float32Array => {
    const tokens = tokenize(text)
    const vector = new Float32Array(dimensions)
    poolTokens(table, dimensions, tokens, 0, tokens.length, vector, 0)
    return vector
  }
  const scores = farm.documents.map(({ title, text }) => dot(embed(query), embed(`${title} ${text}`)))
  return scores.indexOf(Math.max(...scores))
}

describe('trainBase', () => {
  it('learns which answer belongs to which question, also in words it did not see together', async () => {
    const base = await trainBase([farm], { ...options, stages: [{ name: 'pairs', steps: 200, pairShare: 0.9 }] })

    expect(animals.map((animal) => best(base, `say ${animal}`))).toEqual(animals.map((_, i) => i))
    expect(base.table.every(Number.isFinite)).toBe(true)
  })

  it('gives the same table for the same seed, whatever the number of threads', async () => {
    const short = { ...options, stages: [{ name: 'pairs', steps: 12, pairShare: 0.5 }] }

    const two = await trainBase([farm], short)
    const one = await trainBase([farm], { ...short, threads: 1 })
    const other = await trainBase([farm], { ...short, seed: 4 })

    expect(one.table).toEqual(two.table)
    expect(other.table).not.toEqual(two.table)
  })

  it('goes on from a checkpoint as if it had not been cut off', async () => {
    let checkpoint: BaseCheckpoint | undefined
    const whole = await trainBase([farm], {
      ...options,
      checkpointEvery: 70,
      onCheckpoint: (now) => {
        checkpoint ??= {
          ...now,
          table: now.table.slice(),
          adam: { mean: now.adam.mean.slice(), square: now.adam.square.slice() },
          neighbours: now.neighbours.map((found) => found.slice()),
        }
      },
    })

    const resumed = await trainBase([farm], { ...options, resume: checkpoint! })

    expect(checkpoint!.step).toBeGreaterThan(50)
    expect(checkpoint!.step).toBeLessThan(90)
    expect(resumed.table).toEqual(whole.table)
  })

  it('reports how far it is and how long it will take', async () => {
    const seen: string[] = []
    await trainBase([farm], {
      ...options,
      onProgress: ({ stage, done, total, eta }) => seen.push(`${stage} ${done}/${total} ${eta! >= 0}`),
    })

    expect(seen[0]).toBe('texts 10/90 true')
    expect(seen.at(-1)).toBe('hard 90/90 true')
  })

  it('stops when it is told to', async () => {
    const abort = new AbortController()
    const training = trainBase([farm], { ...options, signal: abort.signal, onProgress: () => abort.abort(new Error('enough')) })

    await expect(training).rejects.toThrow('enough')
  })

  it('refuses to learn from nothing', async () => {
    await expect(trainBase([])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})
