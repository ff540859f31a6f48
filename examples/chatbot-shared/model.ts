/** What a chat model reads. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

/** A chat model that writes its answer piece by piece. */
export interface ChatModel {
  readonly name: string
  stream(messages: readonly Message[], options?: { readonly signal?: AbortSignal }): AsyncIterable<string>
}

export interface ModelOptions {
  readonly model: string
  /** Up to and including the version: `https://host/v1`. @default 'https://api.openai.com/v1' */
  readonly baseUrl?: string
  /** Local servers usually want none. */
  readonly apiKey?: string
  /** Milliseconds an answer may take as a whole. @default 120000 */
  readonly timeout?: number
}

/**
 * The model that the environment names: `OPENAI_API_KEY` alone for OpenAI's own, `OPENAI_BASE_URL` and `OPENAI_MODEL`
 * for any server that speaks the same protocol (Ollama, llama.cpp, vLLM …). `undefined` when neither is set.
 */
export function modelFromEnvironment(env: Readonly<Record<string, string | undefined>> = process.env): ChatModel | undefined {
  const { OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: baseUrl, OPENAI_MODEL: model } = env
  if (!apiKey && !baseUrl) return undefined
  if (baseUrl && !model) throw new Error('OPENAI_BASE_URL is set but OPENAI_MODEL is not. Set it to the name of a model that server has.')
  return openAiCompatible({ model: model || 'gpt-4o-mini', ...(baseUrl && { baseUrl }), ...(apiKey && { apiKey }) })
}

/** A model behind the chat completions protocol, over `fetch`, so that no vendor's package is needed. */
export function openAiCompatible(options: ModelOptions): ChatModel {
  const { model, baseUrl = 'https://api.openai.com/v1', apiKey, timeout = 120_000 } = options
  const url = `${baseUrl.replace(/\/+$/, '')}/chat/completions`
  return {
    name: model,
    async *stream(messages, { signal } = {}) {
      const deadline = AbortSignal.timeout(timeout)
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(apiKey && { authorization: `Bearer ${apiKey}` }) },
        body: JSON.stringify({ model, messages, stream: true, temperature: 0.2 }),
        signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
      }).catch((cause: unknown) => {
        if (signal?.aborted) throw cause
        throw new Error(`The model at ${url} cannot be reached (${reason(cause)}).`, { cause })
      })
      if (!response.ok) throw new Error(`The model at ${url} answered ${response.status}: ${complaint(await response.text())}`)
      // Some servers ignore `stream: true` and send the whole answer at once.
      if (response.headers.get('content-type')?.includes('application/json')) {
        yield ((await response.json()) as Completion).choices?.[0]?.message?.content ?? ''
        return
      }
      yield* pieces(response, url)
    },
  }
}

interface Completion {
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null }
    readonly message?: { readonly content?: string | null }
    readonly finish_reason?: string | null
  }[]
  readonly error?: { readonly message?: string }
}

/** The text of a stream of server-sent events. A stream that breaks off is an error, not a short answer. */
async function* pieces(response: Response, url: string): AsyncGenerator<string> {
  let finished = false
  for await (const line of lines(response)) {
    if (!line.startsWith('data:')) continue
    const data = line.slice('data:'.length).trim()
    if (data === '[DONE]') return
    let event: Completion
    try {
      event = JSON.parse(data) as Completion
    } catch (cause) {
      throw new Error(`The model at ${url} sent an event that is not JSON: ${data.slice(0, 200)}`, { cause })
    }
    if (event.error) throw new Error(`The model at ${url} failed: ${event.error.message ?? 'no reason given'}`)
    const choice = event.choices?.[0]
    if (choice?.finish_reason) finished = true
    if (choice?.delta?.content) yield choice.delta.content
  }
  if (!finished) throw new Error(`The model at ${url} broke off in the middle of its answer.`)
}

async function* lines(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of response.body ?? []) {
    const complete = (rest + decoder.decode(bytes, { stream: true })).split(/\r?\n/)
    rest = complete.pop()!
    yield* complete
  }
  if (rest !== '') yield rest
}

function complaint(body: string): string {
  try {
    const { error } = JSON.parse(body) as { error?: string | { message?: string } }
    const message = typeof error === 'string' ? error : error?.message
    if (message) return message
  } catch {
    // Not JSON: a proxy's page, shown as it is.
  }
  return body.slice(0, 300) || 'no reason given'
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error
    ? error.cause.message || String((error.cause as { code?: string }).code ?? error.message)
    : error.message
}
