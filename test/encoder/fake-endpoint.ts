import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** A request as it came. */
export interface Asked {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: { input?: string[]; inputs?: string[]; model?: string; dimensions?: number; truncate?: boolean }
}

export interface FakeEndpoint {
  readonly url: string
  readonly asked: Asked[]
  /** Requests under way now, and the most there were at a time. */
  readonly load: { now: number; most: number }
  /** Answers in place of the model; false leaves it to the model. */
  interfere: (response: ServerResponse, asked: Asked) => boolean | Promise<boolean>
}

/** Counts letters: dimension i is how often the i-th letter of the alphabet occurs, not at unit length. */
export function letterCounts(text: string, dimensions: number): number[] {
  const counts = Array.from({ length: dimensions }, () => 0)
  for (const letter of text.toLowerCase()) {
    const at = letter.charCodeAt(0) - 97
    if (at >= 0 && at < dimensions) counts[at]! += 1
  }
  return counts
}

/** Serves `/v1/embeddings` and `/embed` on this machine, with a model that one can check in one's head. */
export async function fakeEndpoint(dimensions = 26): Promise<FakeEndpoint> {
  const server = createServer((request, response) => {
    endpoint.load.most = Math.max(endpoint.load.most, ++endpoint.load.now)
    response.on('close', () => endpoint.load.now--)
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => void answer(request.url!, request.headers, Buffer.concat(parts).toString(), response))
  })
  const answer = async (path: string, headers: IncomingHttpHeaders, text: string, response: ServerResponse): Promise<void> => {
    const asked: Asked = { path, headers, body: JSON.parse(text) as Asked['body'] }
    endpoint.asked.push(asked)
    if (await endpoint.interfere(response, asked)) return
    const { input, inputs } = asked.body
    if (path === '/v1/embeddings' && input) {
      const data = input.map((one, index) => ({
        object: 'embedding',
        index,
        embedding: letterCounts(one, asked.body.dimensions ?? dimensions),
      }))
      // Out of order, as the protocol allows.
      return void response.end(JSON.stringify({ object: 'list', data: data.reverse(), model: asked.body.model }))
    }
    if (path === '/embed' && inputs) return void response.end(JSON.stringify(inputs.map((one) => letterCounts(one, dimensions))))
    response.writeHead(404).end(JSON.stringify({ error: { message: `no such model at ${path}` } }))
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const endpoint: FakeEndpoint = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    load: { now: 0, most: 0 },
    interfere: () => false,
  }
  return endpoint
}
