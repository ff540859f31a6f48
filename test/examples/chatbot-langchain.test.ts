import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Engine } from 'pilotfish'
import { answerWith } from '../../examples/chatbot-langchain/chain.ts'
import { openAiCompatible } from '../../examples/chatbot-shared/model.ts'
import type { Turn } from '../../examples/chatbot-shared/terminal.ts'
import { toyDocuments, toyEngine } from '../engine-fixture.ts'
import { fakeModelServer, type ChatRequest, type FakeModelServer } from './fake-model-server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const pack = existsSync(`${root}/models/bundled/pack.json`)

/** Rewrites a follow-up into a question about tar, and answers with the first passage's id. */
function modelAnswer({ messages }: ChatRequest): string {
  const system = messages[0]!.content
  return system.startsWith('Rewrite') ? 'How does tar make an archive of a file?' : `Written from ${/\[\w[\w-]*\]/.exec(system)?.[0]}.`
}

let server: FakeModelServer
beforeEach(async () => void (server = await fakeModelServer(modelAnswer)))
afterEach(() => server.close())

describe('the LangChain chatbot', () => {
  let engine: Engine
  beforeEach(async () => {
    engine = await toyEngine()
    await engine.add(toyDocuments)
  })
  afterEach(() => engine.close())

  async function ask(
    question: string,
    { model = false, history = [] as Turn[], signal = new AbortController().signal } = {},
  ): Promise<{ notes: string[]; pieces: string[] }> {
    const notes: string[] = []
    const pieces: string[] = []
    const answer = answerWith(engine, model ? openAiCompatible({ model: 'toy', baseUrl: server.url }) : undefined)
    for await (const piece of answer({ question, history, note: (remark) => void notes.push(remark), signal })) pieces.push(piece)
    return { notes, pieces }
  }

  it('says who was asked and what was found, then quotes when there is no model', async () => {
    const { notes, pieces } = await ask('What dose of ibuprofen for a child?')

    expect(notes).toEqual([expect.stringMatching(/^asked medical \(/), expect.stringMatching(/^found m1/)])
    expect(pieces.join('')).toBe(
      'No model is configured, so these are the closest sentences, word for word:\n- The dose of ibuprofen for a child with fever [m1]',
    )
    expect(server.requests).toEqual([])
  })

  it('streams what the model writes from the passages', async () => {
    const { pieces } = await ask('What dose of ibuprofen for a child?', { model: true })

    expect(pieces.length).toBeGreaterThan(1)
    expect(pieces.join('')).toBe('Written from [m1].')
    expect(server.requests).toHaveLength(1)
    expect(server.requests[0]!.messages.at(-1)).toEqual({ role: 'user', content: 'What dose of ibuprofen for a child?' })
    expect(server.requests[0]!.messages[0]!.content).toContain(toyDocuments[0].text)
  })

  it('works what was said before into a follow-up question, and looks that up', async () => {
    const history: Turn[] = [
      { role: 'user', content: 'What does tar do?' },
      { role: 'assistant', content: 'It packs files {braces are harmless}.' },
    ]

    const { notes, pieces } = await ask('And how?', { model: true, history })

    expect(notes[1]).toMatch(/^found s1/)
    expect(pieces.join('')).toBe('Written from [s1].')
    expect(server.requests).toHaveLength(2)
    expect(server.requests[0]!.messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user'])
    expect(server.requests[1]!.messages.map(({ content }) => content).slice(1)).toEqual([
      ...history.map(({ content }) => content),
      'And how?',
    ])
  })

  it('passes on why the model failed', async () => {
    await server.close()

    await expect(ask('tar', { model: true })).rejects.toThrow(/cannot be reached/)
  })

  it('fails once, and with the reason, when a follow-up cannot be rewritten or nothing can be looked up', async () => {
    const history: Turn[] = [{ role: 'user', content: 'What does tar do?' }]
    await server.close()
    await expect(ask('And how?', { model: true, history })).rejects.toThrow(/cannot be reached/)

    await engine.close()
    await expect(ask('tar')).rejects.toThrow(/closed/)
  })

  it('stops when the user does', async () => {
    await expect(ask('tar', { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i)
  })
})

describe.skipIf(!pack)('npm run example:chatbot-langchain', () => {
  async function execute(
    args: string[],
    { input = '', env = {} as Record<string, string> } = {},
  ): Promise<{ code: number | null; out: string; err: string }> {
    const { OPENAI_API_KEY: _key, OPENAI_BASE_URL: _url, OPENAI_MODEL: _model, ...clean } = process.env
    const child = spawn(process.execPath, ['--import', 'tsx', 'examples/chatbot-langchain/main.ts', ...args], {
      cwd: root,
      env: { ...clean, ...env },
    })
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk) => (out += String(chunk)))
    child.stderr.on('data', (chunk) => (err += String(chunk)))
    child.stdin.end(input)
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
    return { code, out, err }
  }

  it('answers one question from the demo, by quoting', async () => {
    const { code, out, err } = await execute(['--once', 'What is the dose of ibuprofen for a child?'])

    expect(err).toBe('')
    expect(out).toMatch(/asked medical/)
    expect(out).toMatch(/^- .*\[medical-ibuprofen-children\]$/m)
    expect(code).toBe(0)
  })

  it('answers piped questions with a model', async () => {
    const env = { OPENAI_BASE_URL: server.url, OPENAI_MODEL: 'toy' }

    const { code, out } = await execute([], { input: 'What is the dose of ibuprofen for a child?\nand how is it given?\n', env })

    expect(out.match(/^Written from \[[\w-]+\]\.$/gm)).toHaveLength(2)
    expect(server.requests.map(({ model }) => model)).toEqual(['toy', 'toy', 'toy'])
    expect(code).toBe(0)
  })

  it('exits with 1 when a question failed and with 2 when it could not start', async () => {
    const unreachable = await execute(['--once', 'tar'], { env: { OPENAI_BASE_URL: 'http://127.0.0.1:1/v1', OPENAI_MODEL: 'toy' } })
    const misused = await execute(['--twice'])

    expect(unreachable).toMatchObject({ code: 1, err: expect.stringMatching(/cannot be reached/) })
    expect(misused).toMatchObject({ code: 2, err: expect.stringMatching(/twice/) })
  })
})
