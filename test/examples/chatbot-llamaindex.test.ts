import { PassThrough, Readable } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { answerWith } from '../../examples/chatbot-llamaindex/answer.ts'
import { openAiCompatible } from '../../examples/chatbot-shared/model.ts'
import { chat } from '../../examples/chatbot-shared/terminal.ts'
import { toyDocuments, toyEngine } from '../engine-fixture.ts'
import { fakeModelServer, type FakeModelServer } from './fake-model-server.ts'

let server: FakeModelServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

async function converse(lines: string, url?: string): Promise<{ said: string; errors: string; failures: number }> {
  const engine = await toyEngine()
  await engine.add(toyDocuments)
  const output = new PassThrough()
  const errors = new PassThrough()
  const answer = answerWith(engine, url === undefined ? undefined : openAiCompatible({ model: 'toy', baseUrl: url }))
  const failures = await chat(answer, { input: Readable.from([lines]), output, errors })
  await engine.close()
  return { said: String(output.read() ?? ''), errors: String(errors.read() ?? ''), failures }
}

describe('the LlamaIndex chatbot', () => {
  it('quotes the closest sentences when no model is configured, and says so', async () => {
    const { said, failures } = await converse('ibuprofen dose for a child\nkill a process\n')

    expect(failures).toBe(0)
    expect(said).toMatch(/asked medical .*\n.*found m1/)
    expect(said).toContain('No model is configured')
    expect(said).toContain('- The dose of ibuprofen for a child with fever [m1]')
    expect(said).toMatch(/asked shell .*\n.*found s2/)
    expect(said).toContain('[s2]')
  })

  it('streams the answer of a model that was shown the passages with their ids, instructions first', async () => {
    server = await fakeModelServer(() => 'By weight – 15 mg per kg [m1].')

    const { said } = await converse('ibuprofen dose for a child\n', server.url)

    const { messages } = server.requests[0]!
    expect(said).toContain('By weight – 15 mg per kg [m1].')
    expect(said).not.toContain('No model is configured')
    expect(messages.map(({ role }) => role)).toEqual(['system', 'user'])
    expect(messages[0]!.content).toContain('The dose of ibuprofen for a child with fever')
    expect(messages[0]!.content).toContain('id: m1')
    expect(messages[0]!.content).toContain('[brackets]')
    expect(messages[1]!.content).toBe('ibuprofen dose for a child')
  })

  it('remembers: a follow-up is made whole before it is looked up, and the model sees what was said', async () => {
    server = await fakeModelServer(({ messages }) => (messages[0]!.content.startsWith('Rewrite') ? 'kill a process' : 'So it is.'))

    const { said } = await converse('list process command\nand how do I end it?\n', server.url)

    const [, rewriting, answering] = server.requests
    expect(server.requests).toHaveLength(3)
    expect(rewriting!.messages.map(({ content }) => content).slice(1)).toEqual([
      'list process command',
      'So it is.',
      'and how do I end it?',
    ])
    expect(answering!.messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user'])
    expect(answering!.messages[0]!.content).toContain('kill ends a process')
    expect(said.match(/So it is\./g)).toHaveLength(2)
  })

  it('forgets on /new', async () => {
    server = await fakeModelServer(() => 'So it is.')

    await converse('list process\n/new\nkill a process\n', server.url)

    expect(server.requests.map(({ messages }) => messages.length)).toEqual([2, 2])
  })

  it('reports a model that fails and goes on', async () => {
    server = await fakeModelServer(
      () => '',
      (_, response) => response.writeHead(500).end('out of order'),
    )

    const { errors, failures } = await converse('fever\ncough\n', server.url)

    expect(failures).toBe(2)
    expect(errors).toMatch(/answered 500: out of order/)
  })
})
