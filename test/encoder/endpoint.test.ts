import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { endpointDimensions, endpointEncoder, type EndpointOptions } from '../../src/encoder/endpoint.ts'
import { ClosedError, EncoderFailedError } from '../../src/errors.ts'
import { dot, normalize } from '../../src/vector.ts'
import { fakeEndpoint, letterCounts } from './fake-endpoint.ts'

const texts = ['abba', 'cab', 'zebra', 'a dab of jam']
const options = (url: string, more: Partial<EndpointOptions> = {}): EndpointOptions => ({ url, model: 'letters', dimensions: 26, ...more })
const expected = (text: string) => normalize(Float32Array.from(letterCounts(text, 26)))

describe.each(['/v1/embeddings', '/embed'])('an endpoint %s', (path) => {
  it('gives one unit-length vector for each text, in order, whatever the batches', async () => {
    const server = await fakeEndpoint()

    const vectors = await endpointEncoder(options(server.url + path, { batchSize: 3, concurrency: 2 })).encode(texts)

    expect(vectors).toEqual(texts.map(expected))
    for (const vector of vectors) expect(dot(vector, vector)).toBeCloseTo(1, 6)
    expect(server.asked.map(({ body }) => (body.input ?? body.inputs)!.length)).toEqual([3, 1])
  })

  it('is not asked about empty texts, which are zeros', async () => {
    const server = await fakeEndpoint()

    const [empty, word, blank] = await endpointEncoder(options(server.url + path)).encode(['', 'word', ' \t\n'])

    expect(empty).toEqual(new Float32Array(26))
    expect(blank).toEqual(new Float32Array(26))
    expect(word).toEqual(expected('word'))
    expect(server.asked).toHaveLength(1)
    expect(server.asked[0]!.body.input ?? server.asked[0]!.body.inputs).toEqual(['word'])
  })

  it('is not asked before there is a text', async () => {
    const server = await fakeEndpoint()

    const encoder = endpointEncoder(options(server.url + path))

    expect(await encoder.encode([])).toEqual([])
    expect(server.asked).toEqual([])
  })
})

describe('what an endpoint is asked', () => {
  it('is the model by its name, with the prompt before every text and the key of the environment', async () => {
    const server = await fakeEndpoint()
    process.env.LETTERS_KEY = 'secret-1'
    onTestFinished(() => void delete process.env.LETTERS_KEY)

    await endpointEncoder(options(`${server.url}/v1/embeddings`, { prompt: 'query: ', apiKeyVariable: 'LETTERS_KEY' })).encode([
      'abc\ud800',
    ])

    const { body, headers } = server.asked[0]!
    expect(body).toEqual({ model: 'letters', input: ['query: abc\ufffd'], encoding_format: 'float' })
    expect(headers.authorization).toBe('Bearer secret-1')
  })

  it('is to shorten vectors only where that is wanted', async () => {
    const server = await fakeEndpoint()

    const [vector] = await endpointEncoder(options(`${server.url}/v1/embeddings`, { dimensions: 4, shorten: true })).encode(['abcz'])

    expect(server.asked[0]!.body.dimensions).toBe(4)
    expect(vector).toHaveLength(4)
  })

  it('is not more at a time than allowed, over all calls', async () => {
    const server = await fakeEndpoint()
    server.interfere = async () => {
      await new Promise((resolve) => setTimeout(resolve, 10))
      return false
    }
    const encoder = endpointEncoder(options(`${server.url}/embed`, { batchSize: 1, concurrency: 2 }))

    const all = await Promise.all([encoder.encode(texts), encoder.encode(texts)])

    expect(all[0]).toEqual(all[1])
    expect(server.asked).toHaveLength(8)
    expect(server.load.most).toBe(2)
  })
})

describe('an endpoint in trouble', () => {
  it.each([408, 429, 500, 503])('is asked again after %d', async (status) => {
    const server = await fakeEndpoint()
    server.interfere = (response) => {
      if (server.asked.length > 2) return false
      response.writeHead(status).end('busy')
      return true
    }

    const [vector] = await endpointEncoder(options(`${server.url}/embed`)).encode(['abc'])

    expect(vector).toEqual(expected('abc'))
    expect(server.asked).toHaveLength(3)
  })

  it.each(['1', () => new Date(Date.now() + 2000).toUTCString()])('is asked again when it says', async (when) => {
    const server = await fakeEndpoint()
    const times: number[] = []
    server.interfere = (response) => {
      times.push(performance.now())
      if (times.length > 1) return false
      response.writeHead(429, { 'retry-after': typeof when === 'string' ? when : when() }).end()
      return true
    }

    await endpointEncoder(options(`${server.url}/embed`)).encode(['abc'])

    expect(times[1]! - times[0]!).toBeGreaterThan(950)
  })

  it('is given up after some attempts, with what it said last', async () => {
    const server = await fakeEndpoint()
    server.interfere = (response) => {
      response.writeHead(503).end(JSON.stringify({ error: { message: 'the model is\nloading' } }))
      return true
    }
    const failing = endpointEncoder(options(`${server.url}/embed`, { attempts: 2 })).encode(['abc'])

    await expect(failing).rejects.toBeInstanceOf(EncoderFailedError)
    await expect(failing).rejects.toThrow(/letters at http.*it answered 503 \("the model is loading"\), 2 times/)
    expect(server.asked).toHaveLength(2)
  })

  it('that is not there is told apart from one that is slow', async () => {
    const server = await fakeEndpoint()
    server.interfere = () => new Promise(() => {})

    await expect(endpointEncoder(options('http://127.0.0.1:1/embed', { attempts: 1 })).encode(['a'])).rejects.toThrow(
      /the connection failed/,
    )
    await expect(endpointEncoder(options(`${server.url}/embed`, { attempts: 2, timeout: 30 })).encode(['a'])).rejects.toThrow(
      /did not answer within 30 ms, 2 times/,
    )
  })

  it.each([
    [401, /401 \("wrong key …"\); check its API key/],
    [404, /404 .*check the URL, which must be the whole path/],
    [413, /413 .*too long for it, or a batch too large/],
  ])('that refuses with %d is not asked again, says why, and keeps the key to itself', async (status, problem) => {
    const server = await fakeEndpoint()
    server.interfere = (response) => {
      response.writeHead(status).end(JSON.stringify({ error: { message: 'wrong key secret-2' } }))
      return true
    }
    const failing = endpointEncoder(options(`${server.url}/embed`, { apiKey: 'secret-2' })).encode(['abc'])

    await expect(failing).rejects.toThrow(problem)
    expect(String(await failing.catch((error: unknown) => error))).not.toContain('secret-2')
    expect(server.asked).toHaveLength(1)
  })

  it('that points elsewhere is not followed', async () => {
    const [server, other] = [await fakeEndpoint(), await fakeEndpoint()]
    server.interfere = (response) => {
      response.writeHead(307, { location: `${other.url}/embed` }).end()
      return true
    }

    await expect(endpointEncoder(options(`${server.url}/embed`, { apiKey: 'secret' })).encode(['abc'])).rejects.toThrow(
      `points to ${other.url}/embed; give that URL if you trust it`,
    )
    expect(other.asked).toEqual([])
  })

  it.each([
    ['not JSON', 'oops', /not JSON/],
    ['something else', '{"ok":true}', /something that is no list of vectors/],
    ['too few', '[[1]]', /answered 2 texts with 1 vectors/],
    ['too short', '[[1],[2]]', /have 1 dimensions, not 26/],
    ['null', '[null,null]', /no vector/],
    ['words', JSON.stringify([Array(26).fill('x'), Array(26).fill(1)]), /not finite numbers/],
  ])('that answers with %s is an error, not a vector', async (_, body, problem) => {
    const server = await fakeEndpoint()
    server.interfere = (response) => {
      response.end(body)
      return true
    }

    const failing = endpointEncoder(options(`${server.url}/embed`)).encode(['a', 'b'])

    await expect(failing).rejects.toThrow(problem)
    await expect(failing).rejects.toMatchObject({ code: 'ENCODER_FAILED' })
  })

  it('ends the other requests of the call', async () => {
    const server = await fakeEndpoint()
    server.interfere = (response, { body }) => {
      if (body.inputs![0] !== 'bad') return new Promise(() => {})
      response.writeHead(400).end('no')
      return true
    }

    await expect(endpointEncoder(options(`${server.url}/embed`, { batchSize: 1 })).encode(['slow', 'bad', 'slow'])).rejects.toThrow(/400/)

    await vi.waitFor(() => expect(server.load.now).toBe(0))
  })

  it('of a key that is not set names the variable, and was opened without it', async () => {
    const server = await fakeEndpoint()
    const encoder = endpointEncoder(options(`${server.url}/embed`, { apiKeyVariable: 'NO_SUCH_KEY' }))

    await expect(encoder.encode(['a'])).rejects.toThrow(/environment variable NO_SUCH_KEY, which holds its API key, is not set/)
    expect(server.asked).toEqual([])
  })
})

describe('an endpoint encoder', () => {
  it('stops when aborted, at once and while it waits to try again', async () => {
    const server = await fakeEndpoint()
    server.interfere = (response) => {
      response.writeHead(503, { 'retry-after': '50' }).end()
      return true
    }
    const encoder = endpointEncoder(options(`${server.url}/embed`))
    const reason = new Error('enough')
    const abort = new AbortController()

    const stopped = encoder.encode(['a'], { signal: abort.signal })
    setTimeout(() => abort.abort(reason), 50)

    await expect(stopped).rejects.toBe(reason)
    await expect(encoder.encode(['a'], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(server.asked).toHaveLength(1)
  })

  it('finishes what is under way when closed, and refuses afterwards', async () => {
    const server = await fakeEndpoint()
    const encoder = endpointEncoder(options(`${server.url}/embed`))
    const running = encoder.encode(texts)

    await Promise.all([encoder.close(), encoder.close()])

    expect(await running).toHaveLength(texts.length)
    await expect(encoder.encode(['a'])).rejects.toBeInstanceOf(ClosedError)
  })

  it('has an id of its model, its dimensions and its prompt, wherever the server is', () => {
    const id = (more: Partial<EndpointOptions> = {}, url = 'http://a/embed'): string => endpointEncoder(options(url, more)).id

    expect(id()).toMatch(/^endpoint-[0-9a-f]{16}$/)
    expect(id({}, 'https://b/v1/embeddings')).toBe(id())
    expect(id({ id: 'mine' })).toBe('mine')
    expect(new Set([id(), id({ model: 'x' }), id({ prompt: 'x' }), id({ dimensions: 2 })]).size).toBe(4)
  })

  it.each([
    ['url', { url: 'a/embed' }],
    ['url', { url: 'file:///embed' }],
    ['url', { url: 'http://me:secret@a/embed' }],
    ['url', { url: 'http://a/v1' }],
    ['protocol', { protocol: 'other' as never }],
    ['model', { model: '' }],
    ['dimensions', { dimensions: 1.5 }],
    ['batchSize', { batchSize: 0 }],
  ])('refuses settings that mean nothing: %s %j', (argument, more) => {
    expect(() => endpointEncoder(options('http://a/embed', more))).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT', argument }))
  })

  it('takes a URL of any end when told the protocol', () => {
    expect(() => endpointEncoder(options('http://a/v2/make', { protocol: 'openai' }))).not.toThrow()
  })

  it('refuses what is no text, naming its place', async () => {
    await expect(endpointEncoder(options('http://a/embed')).encode(['a', 1 as unknown as string])).rejects.toMatchObject({
      argument: 'texts[1]',
    })
  })
})

describe('the length of the vectors', () => {
  it.each(['/v1/embeddings', '/embed'])('is asked of an endpoint %s', async (path) => {
    const server = await fakeEndpoint(7)

    expect(await endpointDimensions({ url: server.url + path, model: 'letters' })).toBe(7)
  })

  it('is an error where there are none', async () => {
    const server = await fakeEndpoint()
    server.interfere = (response) => {
      response.end('[]')
      return true
    }

    await expect(endpointDimensions({ url: `${server.url}/embed`, model: 'letters' })).rejects.toMatchObject({ code: 'ENCODER_FAILED' })
  })
})
