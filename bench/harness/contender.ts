import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Something that is measured, in a process of its own: its threads, heap and caches meet nobody else's. */
export interface Contender {
  /** Calls one of its methods (see `serve`); calls are answered in order. */
  ask<T>(method: string, argument?: unknown): Promise<T>
  /** Ends its process. Safe to call twice. */
  close(): Promise<void>
}

type Answer = { readonly value: unknown } | { readonly error: string }

/** Starts a file that calls `serve`, and waits until it is open. @throws when it cannot be: a package is missing, a model is not there */
export async function startContender(file: URL, setup: unknown = {}): Promise<Contender> {
  // What it prints goes nowhere: libraries warn, and a table is being written.
  const child = fork(fileURLToPath(file), { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  let complaint = ''
  child.stderr!.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000)
  })
  const name = fileURLToPath(file).split('/').at(-1)!
  const answers: ((answer: Answer) => void)[] = []
  child.on('message', (answer: Answer) => answers.shift()!(answer))
  child.on('exit', (code) => {
    for (const settle of answers.splice(0)) settle({ error: `${name} ended with ${code}. ${complaint}` })
  })

  const ask = async <T>(method: string, argument?: unknown): Promise<T> => {
    const answer = await new Promise<Answer>((resolve) => {
      if (child.exitCode !== null || !child.connected) return resolve({ error: `${name} is gone. ${complaint}` })
      answers.push(resolve)
      child.send({ method, argument })
    })
    if ('error' in answer) throw new Error(answer.error)
    return answer.value as T
  }
  try {
    await ask('open', setup)
  } catch (error) {
    await end(child)
    throw error
  }
  return { ask, close: () => end(child) }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  // A contender that closes its own things ends itself; one that hangs is not waited for.
  if (child.connected) child.send({ method: 'close' })
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await gone
  clearTimeout(late)
}
