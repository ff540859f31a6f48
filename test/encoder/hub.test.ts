import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { resolveModel, type DownloadProgress, type HubOptions } from '../../src/encoder/hub.ts'
import { onnxEncoder } from '../../src/encoder/onnx.ts'
import { staticEncoder } from '../../src/encoder/static.ts'
import { DownloadError, InvalidArgumentError, ModelNotFoundError, OfflineError } from '../../src/errors.ts'
import { expectClose } from '../conformance/encoder.ts'
import { fakeHub, type FakeHub } from './fake-hub.ts'
import { temporaryDirectory, tinyBert, tinyStatic } from './models.ts'

const graph = 'onnx/model.onnx'
const isGraph = (path: string): boolean => path === graph

/** A hub that holds the tiny BERT, an empty cache, and the download of its graph and settings. */
async function setUp(): Promise<{ hub: FakeHub; options: HubOptions; fetch: (more?: HubOptions) => Promise<string> }> {
  const hub = await fakeHub(tinyBert)
  const options = { hubUrl: hub.url, cacheDirectory: temporaryDirectory() }
  return { hub, options, fetch: (more) => resolveModel('tiny/model', isGraph, 'ONNX model', { ...options, ...more }) }
}

function partsIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('.part-'))
}

describe('a model from a hub', () => {
  it('encodes like the same model from a directory', async () => {
    const { options } = await setUp()
    const [near, far] = [await onnxEncoder(tinyBert), await onnxEncoder('tiny/model', options)]

    const [expected] = await near.encode(['unpack the archive'])

    expectClose((await far.encode(['unpack the archive']))[0]!, expected!)
    expect(far.id).toBe(near.id)
    await Promise.all([near.close(), far.close()])
  })

  it('may be a static one', async () => {
    const hub = await fakeHub(tinyStatic)

    const encoder = await staticEncoder('tiny/model', { hubUrl: hub.url, cacheDirectory: temporaryDirectory() })

    expect(encoder.id).toBe((await staticEncoder(tinyStatic)).id)
    expect(hub.requests.some(({ path }) => path.endsWith('.onnx'))).toBe(false)
  })

  it('is fetched with what belongs to it and nothing else', async () => {
    const { fetch } = await setUp()

    const directory = await fetch()

    expect(readFileSync(join(directory, graph))).toEqual(readFileSync(join(tinyBert, graph)))
    expect(existsSync(join(directory, '1_Pooling/config.json'))).toBe(true)
    expect(existsSync(join(directory, 'onnx/model_quantized.onnx'))).toBe(false)
    expect(existsSync(join(directory, '../outside.json'))).toBe(false)
    expect(partsIn(directory)).toEqual([])
  })

  it('is fetched once; a branch is looked up again, a commit is not', async () => {
    const { hub, fetch } = await setUp()
    const directory = await fetch()

    hub.requests.length = 0
    expect(await fetch()).toBe(directory)
    expect(hub.requests.map(({ path }) => path)).toEqual(['/api/models/tiny/model/revision/main'])

    hub.requests.length = 0
    expect(await fetch({ revision: 'a'.repeat(40) })).toBe(directory)
    expect(hub.requests).toEqual([])
  })

  it('follows its branch when that moves, and stays where it is pinned', async () => {
    const { hub, fetch } = await setUp()
    await fetch()
    const [old, moved] = ['a'.repeat(40), 'b'.repeat(40)]
    hub.commits.set(moved, new Map([...hub.commits.get(old)!, [graph, Buffer.from('new weights')]]))
    hub.branches.set('main', moved)

    const [latest, pinned] = [await fetch(), await fetch({ revision: old })]

    expect(readFileSync(join(latest, graph), 'utf8')).toBe('new weights')
    expect(readFileSync(join(pinned, graph))).toEqual(readFileSync(join(tinyBert, graph)))
  })

  it('reports bytes done and in all for each file', async () => {
    const { fetch } = await setUp()
    const reports: DownloadProgress[] = []

    await fetch({ onProgress: (progress) => reports.push(progress) })

    const size = statSync(join(tinyBert, graph)).size
    const ofGraph = reports.filter(({ file }) => file === graph)
    expect(ofGraph[0]).toEqual({ file: graph, done: 0, total: size })
    expect(ofGraph.at(-1)).toEqual({ file: graph, done: size, total: size })
    expect(new Set(reports.map(({ file }) => file))).toContain('tokenizer.json')
  })

  it('is fetched once when several ask at the same time', async () => {
    const { hub, fetch } = await setUp()

    const directories = await Promise.all(Array.from({ length: 8 }, () => fetch()))

    expect(new Set(directories).size).toBe(1)
    expect(hub.requests.filter(({ method, path }) => method === 'GET' && path.endsWith(graph) && path.includes('resolve'))).toHaveLength(1)
  })

  it('shows its token to the hub and to nobody else', async () => {
    const { hub, fetch } = await setUp()
    hub.token = 'secret'

    await fetch({ token: 'secret' })

    const stored = hub.requests.filter(({ path }) => path.startsWith(`/${'a'.repeat(40)}/`))
    expect(stored.length).toBeGreaterThan(0)
    expect(stored.every(({ authorization }) => authorization === undefined)).toBe(true)
  })

  it('is a directory where one of that name is there', async () => {
    expect(await resolveModel(tinyBert, isGraph, 'ONNX model', { offline: true })).toBe(tinyBert)
  })
})

describe('offline', () => {
  it('uses what is cached, without a request', async () => {
    const { hub, fetch } = await setUp()
    const directory = await fetch()
    hub.requests.length = 0

    expect(await fetch({ offline: true })).toBe(directory)
    expect(await fetch({ offline: true, revision: 'a'.repeat(40) })).toBe(directory)
    expect(hub.requests).toEqual([])
  })

  it('fails when nothing is cached', async () => {
    const { hub, fetch } = await setUp()

    await expect(fetch({ offline: true })).rejects.toBeInstanceOf(OfflineError)
    expect(hub.requests).toEqual([])
  })

  it('fails when a single file is missing, and names it', async () => {
    const { fetch } = await setUp()
    rmSync(join(await fetch(), 'tokenizer.json'))

    await expect(fetch({ offline: true })).rejects.toThrow(/tokenizer\.json of tiny\/model/)
  })
})

describe('trouble on the way', () => {
  it('is overcome by going on where a broken connection ended', async () => {
    const { hub, fetch } = await setUp()
    let broken = 0
    hub.interfere = (request, response) => {
      if (request.method !== 'GET' || !request.url!.startsWith('/aaaa') || broken++ > 0) return false
      const body = readFileSync(join(tinyBert, graph))
      response.writeHead(200, { 'content-length': body.length })
      response.write(body.subarray(0, 10_000), () => setTimeout(() => response.destroy(), 50))
      return true
    }

    const directory = await fetch()

    expect(readFileSync(join(directory, graph))).toEqual(readFileSync(join(tinyBert, graph)))
    expect(hub.requests.map(({ range }) => range).filter(Boolean)).toContain('bytes=10000-')
  })

  it('leaves what was fetched before an abort for the next time', async () => {
    const { hub, options, fetch } = await setUp()
    const abort = new AbortController()
    const reason = new Error('later')
    hub.interfere = (request, response) => {
      if (request.method !== 'GET' || !request.url!.startsWith('/aaaa')) return false
      response.writeHead(200, { 'content-length': statSync(join(tinyBert, graph)).size })
      response.write(readFileSync(join(tinyBert, graph)).subarray(0, 5_000))
      return true
    }
    const onProgress = ({ file, done }: DownloadProgress): void => {
      if (file === graph && done === 5_000) abort.abort(reason)
    }
    await expect(fetch({ signal: abort.signal, onProgress })).rejects.toBe(reason)
    expect(partsIn(options.cacheDirectory!)).toHaveLength(1)

    hub.interfere = () => false
    await fetch()

    expect(hub.requests.findLast(({ range }) => range !== undefined)?.range).toBe('bytes=5000-')
    expect(partsIn(options.cacheDirectory!)).toEqual([])
  })

  it('is overcome when the hub is busy for a moment', async () => {
    const { hub, fetch } = await setUp()
    let refusals = 0
    hub.interfere = (_, response) => {
      if (refusals >= 2) return false
      refusals++
      response.writeHead(refusals === 1 ? 503 : 429).end()
      return true
    }

    expect(existsSync(join(await fetch(), graph))).toBe(true)
  })

  it('starts over when the server does not know ranges, or the rest is of another file', async () => {
    const { hub, fetch } = await setUp()
    const directory = await fetch()
    const body = readFileSync(join(directory, graph))
    const restart = async (interfere: FakeHub['interfere']): Promise<void> => {
      rmSync(join(directory, graph))
      // As if this process had been interrupted before.
      const { hostname } = await import('node:os')
      writeFileSync(join(directory, `${graph}.part-${hostname()}-${process.pid}`), 'x'.repeat(3_000))
      hub.interfere = interfere
      await fetch()
      expect(readFileSync(join(directory, graph))).toEqual(body)
    }

    await restart((request, response) => {
      if (request.method !== 'GET' || !request.url!.startsWith('/aaaa')) return false
      response.end(body)
      return true
    })
    await restart(() => false)
  })

  it.each([
    [401, /token/],
    [403, /token/],
    [404, /spelling/],
  ])('ends at once, with advice, when the hub answers %i', async (status, advice) => {
    const { hub, fetch } = await setUp()
    hub.interfere = (_, response) => {
      response.writeHead(status).end()
      return true
    }

    const failed = await fetch().catch((error: unknown) => error)

    expect(failed).toBeInstanceOf(DownloadError)
    expect(failed).toMatchObject({ status, message: expect.stringMatching(advice) })
    expect(hub.requests).toHaveLength(1)
  })

  it('ends with the status after a bounded number of attempts', async () => {
    const { hub, fetch } = await setUp()
    hub.interfere = (_, response) => {
      response.writeHead(502).end()
      return true
    }

    await expect(fetch()).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED', status: 502 })
    expect(hub.requests).toHaveLength(5)
  })

  it('ends when nothing comes for the time that is allowed', async () => {
    const { hub, fetch } = await setUp()
    hub.interfere = (request) => request.method === 'GET' && request.url!.startsWith('/aaaa')

    await expect(fetch({ timeout: 50 })).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringContaining('nothing came for 50 ms'),
    })
  })

  it('ends, and caches nothing, when the content is not what the hub announces', async () => {
    const { hub, options, fetch } = await setUp()
    hub.interfere = (request, response) => {
      if (request.method !== 'GET' || !request.url!.startsWith('/aaaa')) return false
      response.end(Buffer.alloc(statSync(join(tinyBert, graph)).size, 1))
      return true
    }

    await expect(fetch()).rejects.toThrow(/hash/)

    const left = readdirSync(options.cacheDirectory!, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('model.onnx'))
    expect(left).toEqual([])
  })

  it('ends when there is no hub', async () => {
    const { options } = await setUp()

    const failed = await resolveModel('tiny/model', isGraph, 'ONNX model', { ...options, hubUrl: 'http://127.0.0.1:9' }).catch(
      (error: unknown) => error,
    )

    expect(failed).toBeInstanceOf(DownloadError)
    expect((failed as Error).message).toMatch(/offline: true/)
  })

  it('ends when something else answers', async () => {
    const { hub, fetch } = await setUp()
    hub.interfere = (_, response) => {
      response.end('<!doctype html>')
      return true
    }

    await expect(fetch()).rejects.toThrow(/no Hugging Face-type hub/)
    expect(hub.requests).toHaveLength(1)
  })

  it('ends when the cache cannot be written', async () => {
    const { options, fetch } = await setUp()
    const file = join(options.cacheDirectory!, 'file')
    writeFileSync(file, '')

    await expect(fetch({ cacheDirectory: join(file, 'cache') })).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringContaining('cacheDirectory'),
    })
  })
})

describe('a wrong name', () => {
  it('of a variant is answered with those there are', async () => {
    const { options } = await setUp()

    const opening = onnxEncoder('tiny/model', { ...options, dtype: 'fp16' })

    await expect(opening).rejects.toBeInstanceOf(ModelNotFoundError)
    await expect(opening).rejects.toThrow(/onnx\/model_quantized\.onnx/)
  })

  it('of a revision or repository is a download error', async () => {
    const { options, fetch } = await setUp()

    await expect(fetch({ revision: 'v9' })).rejects.toThrow(/Invalid rev id: v9/)
    await expect(resolveModel('tiny/other', isGraph, 'ONNX model', options)).rejects.toMatchObject({ status: 404 })
  })

  it('of the hub is an argument error', async () => {
    await expect(resolveModel('tiny/model', isGraph, 'ONNX model', { hubUrl: 'hub' })).rejects.toBeInstanceOf(InvalidArgumentError)
  })
})
