import { describe, expect, it } from 'vitest'
import { InvalidArgumentError, LanguageModelFailedError, PromptTooLongError, UnsupportedError } from '../../src/errors.ts'
import { endpointLanguageModel } from '../../src/language-model/endpoint.ts'
import type { Prompt } from '../../src/language-model/language-model.ts'
import { complete, fakeCompletions } from './fake-completions.ts'

const prompt = (key: string, after: string, answer: string): Prompt => ({ before: '', key, after, answer })

describe('endpointLanguageModel', () => {
  it('sums the log-probabilities of the answer’s tokens, the one over the border included', async () => {
    const { url, asked } = await fakeCompletions()
    const model = endpointLanguageModel({ url, model: 'm' })

    const found = await model.likelihoods([prompt('red blue', ' Answer: ', 'red green'), prompt('über 🐟 Ω', ' ', 'fish 🐟 fish')])

    // "red" stood before: 3/2; "green" is 5 long.
    expect(found[0]).toEqual({ logLikelihood: -6.5, tokens: 2, read: 5, cut: { key: 0, after: 0 } })
    // Offsets count characters, not halves of pairs.
    expect(found[1]).toMatchObject({ logLikelihood: -(4 + 1 / 2 + 4 / 2), tokens: 3 })
    expect(asked.map(({ body }) => body)).toContainEqual({
      model: 'm',
      prompt: 'red blue Answer: red green',
      echo: true,
      logprobs: 1,
      max_tokens: 0,
      temperature: 0,
    })
  })

  it('asks for one token where none is refused, and does not count it', async () => {
    const endpoint = await fakeCompletions()
    endpoint.interfere = (response, { body }) => {
      if (body.max_tokens > 0) return false
      response.writeHead(400).end(JSON.stringify({ error: { message: 'max_tokens must be at least 1' } }))
      return true
    }
    const model = endpointLanguageModel({ url: endpoint.url, model: 'm', concurrency: 1 })

    const found = await model.likelihoods([prompt('red', ' ', 'green'), prompt('red', ' ', 'blue')])

    expect(found.map(({ logLikelihood, tokens }) => [logLikelihood, tokens])).toEqual([
      [-5, 1],
      [-4, 1],
    ])
    expect(endpoint.asked.map(({ body }) => body.max_tokens)).toEqual([0, 1, 1])
  })

  it('understands servers that count the token which begins every text', async () => {
    const endpoint = await fakeCompletions()
    endpoint.begins = true
    const model = endpointLanguageModel({ url: endpoint.url, model: 'm' })

    const [found, first] = await model.likelihoods([prompt('red', ' ', 'green'), prompt('', '', 'red blue')])

    expect(found).toMatchObject({ logLikelihood: -5, tokens: 1 })
    expect(first).toMatchObject({ logLikelihood: -11, tokens: 2 })
  })

  it('says what to do about a server without log-probabilities', async () => {
    const endpoint = await fakeCompletions()
    endpoint.interfere = (response) => {
      response.end(JSON.stringify({ choices: [{ text: 'red green', logprobs: null }] }))
      return true
    }
    const scoring = endpointLanguageModel({ url: endpoint.url, model: 'm' }).likelihoods([prompt('red', ' ', 'green')])

    await expect(scoring).rejects.toThrow(UnsupportedError)
    await expect(scoring).rejects.toThrow(/`echo` together with `logprobs`, such as vLLM; or run a model on this machine/)
  })

  it.each([
    ['a log-probability too few', { token_logprobs: [null, -1] }, 'it gives 3 tokens, 2 log-probabilities and 3 places'],
    ['a place too few', { text_offset: [0, 3] }, 'it gives 3 tokens, 3 log-probabilities and 2 places'],
    ['tokens that are no texts', { tokens: [1, 2, 3] }, 'not one of each'],
    [
      'an echo that ends too early',
      { tokens: ['red', ' green'], token_logprobs: [null, -1], text_offset: [0, 3] },
      'it does not echo the prompt to its end',
    ],
    ['log-probabilities as texts', { token_logprobs: [null, '-1', '-1'] }, 'log-probabilities that are no numbers'],
  ])('takes no part of an answer for all of it: %s', async (_, wrong, message) => {
    const endpoint = await fakeCompletions()
    endpoint.interfere = (response) => {
      const logprobs = { tokens: ['red', ' green', ' blue'], token_logprobs: [null, -1, -2], text_offset: [0, 3, 9], ...wrong }
      response.end(JSON.stringify({ choices: [{ text: 'red green blue', logprobs }] }))
      return true
    }
    const scoring = endpointLanguageModel({ url: endpoint.url, model: 'm' }).likelihoods([prompt('red', '', ' green blue')])

    await expect(scoring).rejects.toThrow(LanguageModelFailedError)
    await expect(scoring).rejects.toThrow(message)
  })

  it('needs something before the answer where the server does not rate the first token', async () => {
    const { url } = await fakeCompletions()

    await expect(endpointLanguageModel({ url, model: 'm' }).likelihoods([prompt('', '', 'green')])).rejects.toThrow(
      /Put something before the answer/,
    )
  })

  it('tries again what may pass, and names what does not', async () => {
    const endpoint = await fakeCompletions()
    let failures = 2
    endpoint.interfere = (response) => {
      if (failures-- <= 0) return false
      response.writeHead(failures > 0 ? 429 : 503).end()
      return true
    }
    const model = endpointLanguageModel({ url: endpoint.url, model: 'm' })
    expect(await model.likelihoods([prompt('red', ' ', 'green')])).toMatchObject([{ logLikelihood: -5 }])

    failures = Infinity
    const hasty = endpointLanguageModel({ url: endpoint.url, model: 'm', attempts: 1 })
    await expect(hasty.likelihoods([prompt('red', ' ', 'green')])).rejects.toThrow(LanguageModelFailedError)
    await expect(hasty.likelihoods([prompt('red', ' ', 'green')])).rejects.toThrow(/"m at http.*answered 429/)
  })

  it.each([
    ['{"choices":{}}', /something that is no completion/],
    ['{"choices":[{"logprobs":{"tokens":["red"],"token_logprobs":[null],"text_offset":[0]}}]}', /does not echo the prompt/],
    [
      '{"choices":[{"logprobs":{"tokens":["red"," green"],"token_logprobs":[null,null],"text_offset":[0,3]}}]}',
      /log-probabilities that are no numbers/,
    ],
  ])('refuses the answer %s', async (answer, message) => {
    const endpoint = await fakeCompletions()
    endpoint.interfere = (response) => {
      response.end(answer)
      return true
    }

    await expect(endpointLanguageModel({ url: endpoint.url, model: 'm' }).likelihoods([prompt('red', ' ', 'green')])).rejects.toThrow(
      message,
    )
  })

  it('keeps to its limit of requests at a time, tells how far it is, and stops', async () => {
    const endpoint = await fakeCompletions()
    endpoint.interfere = (response, { body }) => {
      setTimeout(() => response.end(JSON.stringify(complete(body))), 10)
      return true
    }
    const model = endpointLanguageModel({ url: endpoint.url, model: 'm', concurrency: 3 })
    const many = Array.from({ length: 20 }, (_, i) => prompt(`red ${i}`, ' ', 'green'))
    const done: number[] = []

    await model.likelihoods(many, { onProgress: (count) => done.push(count) })
    expect(endpoint.load.most).toBe(3)
    expect(done).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))

    const stop = new AbortController()
    await expect(model.likelihoods(many, { signal: stop.signal, onProgress: () => stop.abort() })).rejects.toThrow(/abort/)
    await model.close()
    await model.close()
    await expect(model.likelihoods(many)).rejects.toThrow(/closed/)
  })

  it('sends the key of its variable, and says which one is not set', async () => {
    const { url, asked } = await fakeCompletions()
    process.env.PILOTFISH_TEST_KEY = 'secret'
    await endpointLanguageModel({ url, model: 'm', apiKeyVariable: 'PILOTFISH_TEST_KEY' }).likelihoods([prompt('red', ' ', 'green')])
    expect(asked[0]!.headers.authorization).toBe('Bearer secret')

    delete process.env.PILOTFISH_TEST_KEY
    await expect(
      endpointLanguageModel({ url, model: 'm', apiKeyVariable: 'PILOTFISH_TEST_KEY' }).likelihoods([prompt('red', ' ', 'green')]),
    ).rejects.toThrow(/PILOTFISH_TEST_KEY.*is not set/)
  })

  it('cuts the key first, by its rate of characters to a token, and never the answer', async () => {
    const { url, asked } = await fakeCompletions()
    const model = endpointLanguageModel({ url, model: 'm', window: 10, charactersPerToken: 2 })

    const [found] = await model.likelihoods([prompt('0123456789', 'abcde ', 'green')])
    expect(asked[0]!.body.prompt).toBe('012345678abcde green')
    expect(found!.cut).toEqual({ key: 1, after: 0 })

    await model.likelihoods([prompt('0123', '0123456789abcdefgh ', 'green')])
    expect(asked[1]!.body.prompt).toBe('456789abcdefgh green')
    await expect(model.likelihoods([prompt('', '', 'a'.repeat(21))])).rejects.toThrow(PromptTooLongError)
  })

  it('draws texts', async () => {
    const { url, asked } = await fakeCompletions()
    const model = endpointLanguageModel({ url, model: 'm' })

    expect(await model.sample!({ before: '', key: 'red', after: ' blue' }, { count: 2, maxTokens: 7, seed: 5, temperature: 0.5 })).toEqual([
      ' drawn 0 with 5',
      ' drawn 1 with 5',
    ])
    expect(asked[0]!.body).toEqual({ model: 'm', prompt: 'red blue', max_tokens: 7, n: 2, temperature: 0.5, seed: 5 })
  })

  it.each([
    [{ count: 0 }, 'count is 0'],
    [{ count: 1, maxTokens: 0.5 }, 'maxTokens is 0.5'],
    [{ count: 1, maxTokens: 20 }, 'maxTokens is 20, but the model reads 20 tokens in all'],
    [{ count: 1, temperature: Number.NaN }, 'temperature is NaN'],
  ])('draws nothing by settings that mean nothing: %j', async (how, message) => {
    const { url, asked } = await fakeCompletions()
    const model = endpointLanguageModel({ url, model: 'm', window: 20 })

    await expect(model.sample!({ before: '', key: '', after: 'red' }, { maxTokens: 4, ...how })).rejects.toThrow(message)
    expect(asked).toEqual([])
  })

  it('refuses settings that cannot mean anything', () => {
    expect(() => endpointLanguageModel({ url: 'nowhere', model: 'm' })).toThrow(InvalidArgumentError)
    expect(() => endpointLanguageModel({ url: 'http://u:p@localhost/v1', model: 'm' })).toThrow(/password/)
    expect(() => endpointLanguageModel({ url: 'http://localhost/v1', model: '' })).toThrow(/model is missing/)
    expect(() => endpointLanguageModel({ url: 'http://localhost/v1', model: 'm', concurrency: 0 })).toThrow(/concurrency/)
  })
})
