import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  InvalidArgumentError,
  InvalidModelError,
  InvalidScoreError,
  MissingTokenError,
  ModelNotFoundError,
  OfflineError,
  PromptTooLongError,
} from '../../src/errors.ts'
import { causalLanguageModel, type CausalLanguageModelOptions } from '../../src/language-model/causal.ts'
import type { LanguageModel, Prompt } from '../../src/language-model/language-model.ts'
import { random, shuffled } from '../../src/train/random.ts'
import { fakeHub } from '../encoder/fake-hub.ts'
import { temporaryDirectory, sharedModel } from '../encoder/models.ts'
import { expectedLikelihood, idsOf, logitsAfter, tinyLanguageModel, words, type TinyOptions } from './tiny-language-model.ts'

async function open(made: TinyOptions = {}, options: CausalLanguageModelOptions = {}): Promise<LanguageModel> {
  const model = await causalLanguageModel(tinyLanguageModel(made), { threads: 1, ...options })
  onTestFinished(() => model.close())
  return model
}

const prompt = (key: string, after: string, answer: string, before = ''): Prompt => ({ before, key, after, answer })

const assorted: readonly Prompt[] = [
  prompt('the cat sat .', ' the cat', ' ran home .'),
  prompt('', 'the', ' dog'),
  prompt('blue '.repeat(40), 'the dog ', 'sat'),
  prompt('a word nobody knows', ' red', ' blue blue .'),
  prompt('', '', 'the cat sat .'),
  ...Array.from({ length: 60 }, (_, i) => prompt(`${words[3 + (i % 9)]} `.repeat(1 + (i % 17)), 'the ', `${words[3 + (i % 7)]} ran .`)),
]

describe('causalLanguageModel', () => {
  it('sums the log-probabilities of exactly the answer’s tokens, whatever else is in the batch', async () => {
    const model = await open()

    const found = await model.likelihoods(assorted)

    for (const [i, { key, after, answer }] of assorted.entries()) {
      expect(found[i]!.logLikelihood).toBeCloseTo(expectedLikelihood(key + after, answer), 4)
      expect(found[i]).toMatchObject({
        tokens: idsOf(answer).length,
        read: 1 + idsOf(key + after + answer).length,
        cut: { key: 0, after: 0 },
      })
    }
  })

  it('gives the same one by one', async () => {
    const model = await open()

    const together = await model.likelihoods(assorted)

    for (const [i, one] of assorted.entries()) {
      const [alone] = await model.likelihoods([one])
      expect(Math.abs(alone!.logLikelihood - together[i]!.logLikelihood)).toBeLessThan(1e-4)
    }
  })

  it('says nothing of nothing: an answer without tokens is certain, no prompts give no likelihoods', async () => {
    const model = await open()

    expect(await model.likelihoods([])).toEqual([])
    expect(await model.likelihoods([prompt('the cat', ' sat', '')])).toMatchObject([{ logLikelihood: 0, tokens: 0 }])
  })

  it('cuts the key from its end first, then what follows it from its beginning, and counts both', async () => {
    const model = await open({ window: 10 })

    const [key, both] = await model.likelihoods([
      prompt('cat dog sat ran home far red blue ', 'the dog ', 'sat .', 'the '),
      prompt('cat dog ', 'red blue red blue red blue red cat', ' sat sat .', 'the '),
    ])

    // <s> the | cat dog sat ran | the dog | sat .
    expect(key!.cut).toEqual({ key: 4, after: 0 })
    expect(key!.logLikelihood).toBeCloseTo(expectedLikelihood('the cat dog sat ran the dog', 'sat .'), 4)
    // <s> the | | red blue red blue? no: the last five of eight
    expect(both!.cut).toEqual({ key: 2, after: 3 })
    expect(both!.logLikelihood).toBeCloseTo(expectedLikelihood('the blue red blue red cat', 'sat sat .'), 4)
    expect(both!.tokens).toBe(3)
    expect(both!.read).toBe(10)
  })

  it('never cuts an answer: one that does not fit is refused by its number', async () => {
    const model = await open({ window: 6 })
    const long = prompt('cat', ' dog', ' sat ran home far red blue .')

    const refusal = model.likelihoods([prompt('cat', ' dog', ' sat'), long])

    await expect(refusal).rejects.toThrow(PromptTooLongError)
    await expect(refusal).rejects.toMatchObject({ index: 1, tokens: 8, window: 6 })
  })

  it('has an id that changes with the model and with its window', async () => {
    const [a, b, c] = [await open(), await open(), await open({}, { window: 32 })]
    const d = await open({ cache: false })

    expect(a.id).toBe(b.id)
    expect(new Set([a.id, c.id, d.id]).size).toBe(3)
    expect([a.window, c.window]).toEqual([64, 32])
  })

  it('refuses a window that the model does not have, and a model that does not say', async () => {
    await expect(open({}, { window: 65 })).rejects.toThrow(new InvalidArgumentError('window', 'is 65, but the model has 64 positions'))
    const directory = tinyLanguageModel()
    writeFileSync(join(directory, 'config.json'), JSON.stringify({ model_type: 'llama', vocab_size: words.length, num_hidden_layers: 1 }))
    await expect(causalLanguageModel(directory)).rejects.toThrow(/window is not given, and config\.json/)
  })

  it('names a token that it lacks', async () => {
    const bare = await open({ bos: false })
    await expect(bare.likelihoods([prompt('', '', 'the cat')])).rejects.toThrow(/lacks the token bos_token/)
    await expect(bare.likelihoods([prompt('the', '', ' cat')])).resolves.toHaveLength(1)

    const small = await open({ vocabulary: words.length - 2 })
    await expect(small.likelihoods([prompt('the', '', ' blue')])).rejects.toThrow(MissingTokenError)
    await expect(small.likelihoods([prompt('the', '', ' blue')])).rejects.toThrow(/"blue" \(id 11\).*knows 11 tokens/)

    const endless = await open({ eos: false })
    await expect(endless.sample!({ before: '', key: '', after: 'the' }, { count: 1, maxTokens: 4 })).rejects.toThrow(
      /lacks the token eos_token/,
    )
  })

  it('refuses likelihoods that are no numbers', async () => {
    const model = await open({ poison: 'far' })

    await expect(model.likelihoods([prompt('the', '', ' cat'), prompt('far', '', ' cat')])).rejects.toThrow(InvalidScoreError)
    await expect(model.likelihoods([prompt('the', '', ' cat')])).resolves.toHaveLength(1)
  })

  it('names what is missing or broken in a directory', async () => {
    await expect(causalLanguageModel(temporaryDirectory())).rejects.toThrow(ModelNotFoundError)
    const untokenized = tinyLanguageModel()
    rmSync(join(untokenized, 'tokenizer.json'))
    await expect(causalLanguageModel(untokenized)).rejects.toThrow(/tokenizer\.json/)
    const broken = tinyLanguageModel()
    writeFileSync(join(broken, 'onnx', 'model.onnx'), 'nonsense')
    await expect(causalLanguageModel(broken)).rejects.toThrow(InvalidModelError)
  })

  it('comes from a hub, is kept, and needs the network no more', async () => {
    const directory = tinyLanguageModel()
    const hub = await fakeHub(directory, 'tiny/story')
    const where = { hubUrl: hub.url, cacheDirectory: temporaryDirectory() }

    const fetched = await causalLanguageModel('tiny/story', where)
    const requests = hub.requests.length
    const offline = await causalLanguageModel('tiny/story', { ...where, offline: true })
    const local = await causalLanguageModel(directory)

    expect(requests).toBeGreaterThan(0)
    expect(hub.requests).toHaveLength(requests)
    expect([fetched.id, offline.id]).toEqual([local.id, local.id])
    await expect(causalLanguageModel('tiny/other', { ...where, offline: true })).rejects.toThrow(OfflineError)
    await Promise.all([fetched, offline, local].map((model) => model.close()))
  })

  it('stops between two passes when it is told to, and can be closed twice', async () => {
    const model = await open()
    const stop = new AbortController()
    const many = Array.from({ length: 3000 }, (_, i) => assorted[i % assorted.length]!)

    const scoring = model.likelihoods(many, { signal: stop.signal, onProgress: () => stop.abort() })

    await expect(scoring).rejects.toThrow(/abort/)
    await expect(model.likelihoods(assorted.slice(0, 2))).resolves.toHaveLength(2)
    await model.close()
    await model.close()
  })
})

describe('sampling from a causal language model', () => {
  const start = { before: '', key: '', after: 'the cat' }

  it.each([true, false])('draws what the probabilities say, with a cache: %s', async (cache) => {
    const model = await open({ cache })

    const texts = await model.sample!(start, { count: 1500, maxTokens: 1, seed: 3 })

    const logits = logitsAfter([1, ...idsOf('the cat')])
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0)
    for (const word of ['cat', 'the', 'dog']) {
      const expected = Math.exp(logits[idsOf(word)[0]!]!) / total
      const share = texts.filter((text) => text.trim() === word).length / texts.length
      expect(Math.abs(share - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / texts.length))
    }
  })

  it('draws the same from a model that keeps what it read and from one that reads all again', async () => {
    const [cached, plain] = [await open(), await open({ cache: false })]

    const options = { count: 12, maxTokens: 12, seed: 9 }

    expect(await cached.sample!(start, options)).toEqual(await plain.sample!(start, options))
  })

  it('draws equal texts from equal seeds, others from others, and as many as are asked for', async () => {
    const model = await open()

    const first = await model.sample!(start, { count: 6, maxTokens: 8, seed: 1 })

    expect(first).toHaveLength(6)
    expect(new Set(first).size).toBeGreaterThan(1)
    expect(await model.sample!(start, { count: 6, maxTokens: 8, seed: 1 })).toEqual(first)
    expect(await model.sample!(start, { count: 2, maxTokens: 8, seed: 1 })).toEqual(first.slice(0, 2))
    expect(await model.sample!(start, { count: 6, maxTokens: 8, seed: 2 })).not.toEqual(first)
  })

  it('always takes the likeliest token at temperature 0, and ends where the model ends a text', async () => {
    const model = await open()

    const [greedy, again] = await model.sample!(start, { count: 2, maxTokens: 3, temperature: 0 })
    const texts = await model.sample!(start, { count: 200, maxTokens: 6 })

    const read = [1, ...idsOf('the cat')]
    for (const id of idsOf(greedy!)) {
      const logits = logitsAfter(read)
      expect(logits[id]).toBe(Math.max(...logits))
      read.push(id)
    }
    expect(greedy).toBe(again)
    expect(texts.some((text) => text.split(/\s+/).filter(Boolean).length < 6)).toBe(true)
    expect(texts.join()).not.toContain('</s>')
  })

  it('refuses settings that cannot mean anything', async () => {
    const model = await open()

    await expect(model.sample!(start, { count: 0 })).rejects.toThrow(InvalidArgumentError)
    await expect(model.sample!(start, { count: 1, maxTokens: 64 })).rejects.toThrow(/reads 64 tokens in all/)
    await expect(model.sample!(start, { count: 1, maxTokens: 4, temperature: Number.NaN })).rejects.toThrow(/temperature/)
  })
})

const stories = sharedModel('stories260K')

describe.skipIf(stories.missing)(`a real language model${stories.note}`, () => {
  const openStories = async (options: CausalLanguageModelOptions = {}): Promise<LanguageModel> => {
    const model = await causalLanguageModel(stories.directory, options)
    onTestFinished(() => model.close())
    return model
  }

  it('finds an answer likelier after its own context than after another’s, or after its own words in disorder', async () => {
    const model = await openStories()
    const contexts = [
      'Once upon a time, there was a little girl named Lily. She loved to play outside in the park with her mom.',
      'One day, a boy named Tim found a red ball. Tim was happy to kick the ball with his dog Max.',
      'There was a big bear in the forest. The bear was hungry and wanted to eat some honey from the tree.',
    ]
    const answers = [' Lily was happy to play with her mom in the park.', ' Tim and Max ran to the red ball.', ' The bear ate the honey.']
    const inDisorder = (text: string): string => shuffled(text.split(' '), random(5)).join(' ')

    for (const [i, answer] of answers.entries()) {
      const [own, disorder, ...others] = await model.likelihoods([
        prompt(contexts[i]!, '', answer),
        prompt(inDisorder(contexts[i]!), '', answer),
        ...contexts.filter((_, at) => at !== i).map((other) => prompt(other, '', answer)),
      ])
      expect(own!.logLikelihood).toBeGreaterThan(disorder!.logLikelihood + 1)
      for (const other of others) expect(own!.logLikelihood).toBeGreaterThan(other.logLikelihood + 1)
    }
  })

  it('agrees with onnxruntime alone on what it was given', async () => {
    const model = await openStories()
    const prompts = [
      prompt('Once upon a time', '', ', there was a little girl named Lily.'),
      prompt('Tom had a big red ball.', ' He liked to', ' play with it all day.'),
      prompt('', 'The cat', ' sat on the mat – and it was 42 °C!'),
    ]

    const found = await model.likelihoods(prompts)

    const { AutoTokenizer, env } = await import('@huggingface/transformers')
    env.allowRemoteModels = false
    const tokenizer = await AutoTokenizer.from_pretrained(stories.directory, { local_files_only: true })
    const session = await InferenceSession.create(join(stories.directory, 'onnx', 'model.onnx'))
    for (const [i, { key, after, answer }] of prompts.entries()) {
      const encode = (text: string): number[] => tokenizer(text, { return_tensor: false }).input_ids as number[]
      const ids = encode(key + after + answer)
      const border = encode(key + after).findIndex((id, at) => ids[at] !== id)
      const from = border < 0 ? encode(key + after).length : border
      const sum = await plainLikelihood(session, ids, from)
      expect(found[i]!.tokens).toBe(ids.length - from)
      expect(Math.abs(found[i]!.logLikelihood - sum)).toBeLessThan(1e-3)
    }
    await session.release()
  }, 20_000)

  it('gives the same in batches and one by one, long and short together', async () => {
    const model = await openStories()
    const prompts = Array.from({ length: 24 }, (_, i) =>
      prompt('She saw a big dog in the park and ran to it. '.repeat(1 + (i % 12)), 'Then', ' she went home.'),
    )

    const together = await model.likelihoods(prompts)

    for (const [i, one] of prompts.entries()) {
      const [alone] = await model.likelihoods([one])
      expect(Math.abs(alone!.logLikelihood - together[i]!.logLikelihood)).toBeLessThan(1e-4)
    }
  })

  it('cuts the key of a prompt that is longer than its window, and counts the tokens', async () => {
    const model = await openStories({ window: 64 })

    const [whole, cut] = await model.likelihoods([
      prompt('Lily had a cat.', ' The cat', ' was happy.'),
      prompt('Lily had a cat. '.repeat(40), 'The cat', ' was happy.'),
    ])

    expect(whole!.cut).toEqual({ key: 0, after: 0 })
    expect(cut!.cut.key).toBeGreaterThan(150)
    expect(cut!.cut.after).toBe(0)
    expect(cut).toMatchObject({ tokens: whole!.tokens, read: 64 })
  })

  it('tells the beginning of the story that it tells most', async () => {
    const model = await openStories()

    const [text] = await model.sample!({ before: '', key: '', after: 'Once upon a time' }, { count: 1, maxTokens: 24, temperature: 0 })

    expect(text).toMatch(/^, there was a little girl named Lily\. She loved to play/)
  })
})

/** From the graph's own inputs and outputs: the whole text at once, nothing cached. */
async function plainLikelihood(session: InferenceSession, ids: readonly number[], from: number): Promise<number> {
  const int64 = (values: readonly number[]): Tensor => new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length])
  const feeds: Record<string, Tensor> = {
    input_ids: int64(ids),
    attention_mask: int64(ids.map(() => 1)),
    position_ids: int64(ids.map((_, at) => at)),
  }
  for (const name of session.inputNames.filter((each) => each.startsWith('past_')))
    feeds[name] = new Tensor('float32', new Float32Array(), [1, 4, 0, 8])
  const { logits } = await session.run(feeds, ['logits'])
  const data = logits!.data as Float32Array
  const vocabulary = logits!.dims[2]!
  let sum = 0
  for (let at = from; at < ids.length; at++) {
    const row = Array.from(data.subarray((at - 1) * vocabulary, at * vocabulary))
    sum += Math.log(Math.exp(row[ids[at]!]!) / row.reduce((total, logit) => total + Math.exp(logit), 0))
  }
  return sum
}
