import { InvalidArgumentError } from '../../errors.ts'
import { EndpointFailure } from './request.ts'

/** @throws InvalidArgumentError for what is no URL, and for one that holds a password */
export function checkedUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (!parsed || !/^https?:$/.test(parsed.protocol))
    throw new InvalidArgumentError('url', `is ${JSON.stringify(url)}, not a URL of http or https`, 'Give the whole URL of the endpoint.')
  if (parsed.username !== '' || parsed.password !== '')
    throw new InvalidArgumentError('url', 'holds a user name or a password', 'Give the key by `apiKey` or `apiKeyVariable`.')
  return parsed
}

/** Read late, so that a pack opens without its keys. */
export function keyOf({ apiKey, apiKeyVariable }: { readonly apiKey?: string; readonly apiKeyVariable?: string }): string | undefined {
  if (apiKey !== undefined || apiKeyVariable === undefined) return apiKey
  const key = process.env[apiKeyVariable]
  if (key === undefined || key === '')
    throw new EndpointFailure(`the environment variable ${apiKeyVariable}, which holds its API key, is not set`)
  return key
}

/** Lets so many tasks run at a time, the others in turn. */
export function turns(most: number): <T>(task: () => Promise<T>) => Promise<T> {
  let running = 0
  const waiting: (() => void)[] = []
  return async (task) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await task()
    } finally {
      // The place is handed on, so that nobody slips in between.
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
