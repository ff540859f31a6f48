import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ChatRequest {
  readonly model: string
  readonly stream: boolean
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  readonly authorization: string | undefined
}

export interface FakeModelServer {
  /** Ends in `/v1`. */
  readonly url: string
  readonly requests: readonly ChatRequest[]
  close(): Promise<void>
}

/** A server that speaks the chat completions protocol: it answers each request with what `answer` makes of it, in small pieces. */
export async function fakeModelServer(
  answer: (request: ChatRequest) => string,
  raw?: (request: ChatRequest, response: ServerResponse) => void,
): Promise<FakeModelServer> {
  const requests: ChatRequest[] = []
  const server = createServer((incoming, response) => void serve(incoming, response))

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of incoming) body += String(chunk)
    if (incoming.method !== 'POST' || incoming.url !== '/v1/chat/completions') return void response.writeHead(404).end()
    const request = { ...(JSON.parse(body) as ChatRequest), authorization: incoming.headers.authorization }
    requests.push(request)
    if (raw) return raw(request, response)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const bytes = Buffer.from(
      [...(answer(request).match(/[^]{1,5}/gu) ?? []).map((content) => ({ delta: { content } })), { delta: {}, finish_reason: 'stop' }]
        .map((choice) => `data: ${JSON.stringify({ choices: [{ index: 0, ...choice }] })}\n\n`)
        .concat('data: [DONE]\n\n')
        .join(''),
    )
    // Cut where it hurts: in the middle of lines and of multi-byte characters.
    for (let start = 0; start < bytes.length; start += 7) response.write(bytes.subarray(start, start + 7))
    response.end()
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    close: () => new Promise((resolve) => (server.closeAllConnections(), server.close(() => resolve()))),
  }
}
