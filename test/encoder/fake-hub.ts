import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, relative, sep } from 'node:path'
import { onTestFinished } from 'vitest'

/** Answers in place of the hub; true when it did. */
export type Interference = (request: IncomingMessage, response: ServerResponse) => boolean | undefined

export interface FakeHub {
  readonly url: string
  /** Files of the repository, by commit. */
  readonly commits: Map<string, Map<string, Buffer>>
  /** What each branch points at. */
  readonly branches: Map<string, string>
  /** Requests so far: method, path and the headers that matter. */
  readonly requests: { method: string; path: string; range: string | undefined; authorization: string | undefined }[]
  /** Runs before every answer, storage included. */
  interfere: Interference
  token: string | undefined
}

/** Speaks the hub's protocol over real HTTP: listing, HEAD with hashes, redirects to a storage of another origin, ranges. */
export async function fakeHub(directory: string, repository = 'tiny/model'): Promise<FakeHub> {
  const first = 'a'.repeat(40)
  const files = new Map(
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.\w+$/.test(name))
      .map((name) => [relative(directory, join(directory, name)).split(sep).join('/'), readFileSync(join(directory, name))]),
  )
  const note = (request: IncomingMessage): void =>
    void hub.requests.push({
      method: request.method!,
      path: request.url!,
      range: request.headers.range,
      authorization: request.headers.authorization,
    })

  const storage = await listen((request, response) => {
    note(request)
    if (hub.interfere(request, response)) return
    const [commit, ...path] = request.url!.slice(1).split('/')
    sendFile(request, response, hub.commits.get(commit!)!.get(decodeURIComponent(path.join('/')))!)
  })
  const main = await listen((request, response) => {
    note(request)
    if (hub.interfere(request, response)) return
    if (hub.token !== undefined && request.headers.authorization !== `Bearer ${hub.token}`)
      return refuse(response, 401, 'Invalid username or password.')
    const listing = new RegExp(`^/api/models/${repository}/revision/(.+)$`).exec(request.url!)
    if (listing) {
      const revision = decodeURIComponent(listing[1]!)
      const commit = hub.branches.get(revision) ?? revision
      const content = hub.commits.get(commit)
      if (!content) return refuse(response, 404, `Invalid rev id: ${revision}`)
      return void response.setHeader('content-type', 'application/json').end(
        JSON.stringify({
          id: repository,
          sha: commit,
          siblings: [...content.keys(), '../outside.json'].map((rfilename) => ({ rfilename })),
        }),
      )
    }
    const wanted = new RegExp(`^/${repository}/resolve/([0-9a-f]{40})/(.+)$`).exec(request.url!)
    const body = wanted && hub.commits.get(wanted[1]!)?.get(decodeURIComponent(wanted[2]!))
    if (!wanted || !body) return refuse(response, 404, 'Repository not found')
    response.setHeader('x-repo-commit', wanted[1]!)
    // Large files lie elsewhere; the hub itself tells their size and SHA-256.
    if (/\.(onnx|safetensors)$/.test(wanted[2]!)) {
      response.setHeader('x-linked-size', body.length).setHeader('x-linked-etag', `"${createHash('sha256').update(body).digest('hex')}"`)
      return void response.writeHead(302, { location: `${storage.url}/${wanted[1]}/${wanted[2]}` }).end()
    }
    response.setHeader('etag', `W/"${createHash('sha1').update(`blob ${body.length}\0`).update(body).digest('hex')}"`)
    sendFile(request, response, body)
  })
  onTestFinished(async () => {
    for (const { server } of [main, storage]) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  })
  const hub: FakeHub = {
    url: main.url,
    commits: new Map([[first, files]]),
    branches: new Map([['main', first]]),
    requests: [],
    interfere: () => false,
    token: undefined,
  }
  return hub
}

function sendFile(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  if (from > 0)
    response.writeHead(206, { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}`, 'content-length': body.length - from })
  else response.setHeader('content-length', body.length)
  response.end(request.method === 'HEAD' ? undefined : body.subarray(from))
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'x-error-message': message }).end()
}

async function listen(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<{ server: Server; url: string }> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}
