import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Asked {
  readonly headers: IncomingHttpHeaders
  readonly body: { model: string; prompt: string; echo?: boolean; max_tokens: number; logprobs?: number; n?: number; seed?: number }
}

export interface FakeCompletions {
  readonly url: string
  readonly asked: Asked[]
  readonly load: { now: number; most: number }
  /** Answers in place of the model; false leaves it to the model. */
  interfere: (response: ServerResponse, asked: Asked) => boolean
  /** Counts "<s>" as if it were written out, as some servers do. */
  begins: boolean
}

/** A word with the space before it is a token; how likely it is depends on its length and on how often it stood in the text before. */
export function tokensOf(text: string): { token: string; offset: number; value: number | null }[] {
  let offset = 0
  const seen = new Map<string, number>()
  return (text.match(/\s*\S+|\s+$/g) ?? []).map((token, i) => {
    const word = token.trim()
    const value = i === 0 ? null : -[...word].length / (1 + (seen.get(word) ?? 0))
    seen.set(word, (seen.get(word) ?? 0) + 1)
    const from = offset
    offset += [...token].length
    return { token, offset: from, value }
  })
}

/** Serves `/v1/completions` on this machine. */
export async function fakeCompletions(): Promise<FakeCompletions> {
  const server = createServer((request, response) => {
    endpoint.load.most = Math.max(endpoint.load.most, ++endpoint.load.now)
    response.on('close', () => endpoint.load.now--)
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const asked: Asked = { headers: request.headers, body: JSON.parse(Buffer.concat(parts).toString()) as Asked['body'] }
      endpoint.asked.push(asked)
      if (!endpoint.interfere(response, asked)) response.end(JSON.stringify(complete(asked.body, endpoint.begins)))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const endpoint: FakeCompletions = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/completions`,
    asked: [],
    load: { now: 0, most: 0 },
    interfere: () => false,
    begins: false,
  }
  return endpoint
}

/** What the server answers. */
export function complete({ prompt, echo, max_tokens: most, n = 1, seed = 0 }: Asked['body'], begins = false): object {
  if (!echo) return { choices: Array.from({ length: n }, (_, index) => ({ index, text: ` drawn ${index} with ${seed}` })) }
  const tokens = [...tokensOf(prompt)]
  if (most > 0) tokens.push({ token: ' more', offset: [...prompt].length, value: -0.25 })
  const shifted = begins
    ? [{ token: '<s>', offset: 0, value: null }, ...tokens.map((one) => ({ ...one, offset: one.offset + 3, value: one.value ?? -7 }))]
    : tokens
  return {
    choices: [
      {
        index: 0,
        text: prompt + (most > 0 ? ' more' : ''),
        logprobs: {
          tokens: shifted.map(({ token }) => token),
          token_logprobs: shifted.map(({ value }) => value),
          text_offset: shifted.map(({ offset }) => offset),
        },
      },
    ],
  }
}
