import { PassThrough, Readable } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { bestSentences, extractiveAnswer } from '../../examples/chatbot-shared/extractive.ts'
import { modelFromEnvironment, openAiCompatible } from '../../examples/chatbot-shared/model.ts'
import { chat, readArguments, type Answer } from '../../examples/chatbot-shared/terminal.ts'
import { fakeModelServer, type FakeModelServer } from './fake-model-server.ts'

let server: FakeModelServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

async function collect(pieces: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = []
  for await (const piece of pieces) all.push(piece)
  return all
}

const hello = [{ role: 'user', content: 'hello' }] as const

describe('openAiCompatible', () => {
  it('streams an answer in pieces, characters of several bytes included', async () => {
    server = await fakeModelServer(() => 'Grüße – 15 mg/kg 💊 [m1]')

    const pieces = await collect(openAiCompatible({ model: 'toy', baseUrl: server.url }).stream(hello))

    expect(pieces.length).toBeGreaterThan(2)
    expect(pieces.join('')).toBe('Grüße – 15 mg/kg 💊 [m1]')
  })

  it('names the model, asks for a stream and sends the key only when there is one', async () => {
    server = await fakeModelServer(() => 'hi')

    await collect(openAiCompatible({ model: 'toy', baseUrl: `${server.url}/`, apiKey: 'secret' }).stream(hello))
    await collect(openAiCompatible({ model: 'toy', baseUrl: server.url }).stream(hello))

    expect(server.requests[0]).toMatchObject({ model: 'toy', stream: true, messages: hello, authorization: 'Bearer secret' })
    expect(server.requests[1]!.authorization).toBeUndefined()
  })

  it('takes a whole answer from a server that does not stream', async () => {
    server = await fakeModelServer(
      () => '',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ choices: [{ message: { content: 'all at once' } }] }))
      },
    )

    expect(await collect(openAiCompatible({ model: 'toy', baseUrl: server.url }).stream(hello))).toEqual(['all at once'])
  })

  it('passes on what the server complains about, without the key', async () => {
    server = await fakeModelServer(
      () => '',
      (_, response) => response.writeHead(401).end(JSON.stringify({ error: { message: 'no such account' } })),
    )

    const failure = collect(openAiCompatible({ model: 'toy', baseUrl: server.url, apiKey: 'secret' }).stream(hello)).catch(
      (error: Error) => error.message,
    )

    expect(await failure).toMatch(/answered 401: no such account/)
    expect(await failure).not.toMatch(/secret/)
  })

  it('calls a stream that breaks off an error', async () => {
    server = await fakeModelServer(
      () => '',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.end(`data: ${JSON.stringify({ choices: [{ delta: { content: 'half an' } }] })}\n\n`)
      },
    )

    await expect(collect(openAiCompatible({ model: 'toy', baseUrl: server.url }).stream(hello))).rejects.toThrow(/broke off/)
  })

  it('says which address cannot be reached', async () => {
    await expect(collect(openAiCompatible({ model: 'toy', baseUrl: 'http://127.0.0.1:1/v1' }).stream(hello))).rejects.toThrow(
      /127\.0\.0\.1:1.*cannot be reached/,
    )
  })

  it('is configured by a key, or by an address and a model', () => {
    expect(modelFromEnvironment({})).toBeUndefined()
    expect(modelFromEnvironment({ OPENAI_API_KEY: 'x' })!.name).toBe('gpt-4o-mini')
    expect(modelFromEnvironment({ OPENAI_BASE_URL: 'http://localhost/v1', OPENAI_MODEL: 'qwen' })!.name).toBe('qwen')
    expect(() => modelFromEnvironment({ OPENAI_BASE_URL: 'http://localhost/v1' })).toThrow(/OPENAI_MODEL/)
  })
})

describe('extractiveAnswer', () => {
  const passages = [
    {
      id: 'med-1',
      title: 'Fever in children',
      text: 'Fever is a raised body temperature. Paracetamol is dosed by weight: 15 mg per kg. Call a doctor after three days.',
    },
    { id: 'sh-1', text: 'tar -xzf backup.tar.gz unpacks a gzipped archive.\nAdd -C DIR to unpack elsewhere.' },
  ]

  it('quotes the sentence that shares most with the question, with the id of its passage', () => {
    expect(bestSentences('How is paracetamol dosed?', passages)[0]).toEqual({
      id: 'med-1',
      sentence: 'Paracetamol is dosed by weight: 15 mg per kg.',
    })
    expect(bestSentences('how do I unpack an archive', passages)[0]).toEqual({
      id: 'sh-1',
      sentence: 'tar -xzf backup.tar.gz unpacks a gzipped archive.',
    })
  })

  it('says that no model wrote it', () => {
    expect(extractiveAnswer('How is paracetamol dosed?', passages)).toMatch(/^No model is configured.*\n- Paracetamol.* \[med-1\]/s)
  })

  it('falls back to the beginning of the best passage when no word is shared', () => {
    expect(bestSentences('zzz', passages)).toEqual([{ id: 'med-1', sentence: 'Fever is a raised body temperature.' }])
  })

  it('says so when there is nothing to quote', () => {
    expect(extractiveAnswer('anything', [])).toMatch(/Nothing in the collection/)
    expect(extractiveAnswer('anything', [{ id: 'empty', text: '' }])).toMatch(/\[empty\]/)
  })
})

describe('chat', () => {
  const echo: Answer = async function* ({ question, history, note }) {
    note(`turns before: ${history.length}`)
    yield 'You said '
    yield question
  }

  async function converse(
    answer: Answer,
    options: { input?: string; once?: string; memory?: number },
  ): Promise<{ said: string; errors: string; failures: number }> {
    const output = new PassThrough()
    const errors = new PassThrough()
    const { input, ...rest } = options
    const failures = await chat(answer, { ...rest, output, errors, ...(input !== undefined && { input: Readable.from([input]) }) })
    return { said: String(output.read() ?? ''), errors: String(errors.read() ?? ''), failures }
  }

  it('answers one question per piped line, remembering what was said, and skips empty lines', async () => {
    const { said, failures } = await converse(echo, { input: 'one\n\n  two \nthree' })

    expect(said).toBe(
      '> one\n  turns before: 0\nYou said one\n\n> two\n  turns before: 2\nYou said two\n\n> three\n  turns before: 4\nYou said three\n\n',
    )
    expect(failures).toBe(0)
  })

  it('forgets on /new, ends on /exit and remembers no more than asked', async () => {
    const { said } = await converse(echo, { input: 'a\nb\nc\n/new\nd\n/exit\ne\n', memory: 2 })

    expect([...said.matchAll(/turns before: (\d)/g)].map((match) => match[1])).toEqual(['0', '2', '2', '0'])
    expect(said).not.toMatch(/You said e/)
  })

  it('answers one question and no more with `once`', async () => {
    expect((await converse(echo, { once: 'only this' })).said).toMatch(/You said only this\n/)
  })

  it('reports a question that fails, counts it and goes on', async () => {
    const moody: Answer = async function* ({ question, history }) {
      if (question === 'bad') throw new Error('out of order')
      yield `fine, ${history.length} turns`
    }

    const { said, errors, failures } = await converse(moody, { input: 'bad\ngood\n' })

    expect(errors).toMatch(/out of order/)
    expect(said).toMatch(/fine, 0 turns/)
    expect(failures).toBe(1)
  })

  it('reads --once and --help and refuses what it does not know', () => {
    expect(readArguments(['--once', 'why?'])).toEqual({ once: 'why?', help: false })
    expect(readArguments(['--help'])).toEqual({ help: true })
    expect(() => readArguments(['--twice'])).toThrow(/twice/)
  })
})
