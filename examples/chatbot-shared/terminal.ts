import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { parseArgs } from 'node:util'

/** Something that was said. */
export interface Turn {
  readonly role: 'user' | 'assistant'
  readonly content: string
}

/** What an answer can be made from. */
export interface Question {
  readonly question: string
  /** What was said before, oldest first. */
  readonly history: readonly Turn[]
  /** Shows a remark beside the answer: where the question went, what was found. */
  readonly note: (remark: string) => void
  /** Aborted when the user presses Ctrl-C during the answer. */
  readonly signal: AbortSignal
}

/** Answers a question, piece by piece, so that text appears as it is written. */
export type Answer = (question: Question) => AsyncIterable<string>

export interface ChatOptions {
  /** Answers this one question instead of reading questions. */
  readonly once?: string
  /** Said before the first question, to people only: not when questions are piped in. */
  readonly greeting?: string
  /** @default process.stdin */
  readonly input?: Readable & { isTTY?: boolean }
  /** @default process.stdout */
  readonly output?: Writable
  /** Where failures are reported. @default process.stderr */
  readonly errors?: Writable
  /** Turns that are remembered: more would crowd the model's prompt. @default 12 */
  readonly memory?: number
}

/**
 * A chat in the terminal. Reads one question per line, typed or piped, until the end of the input or `/exit`; `/new`
 * forgets what was said. A question that fails is reported and the chat goes on. Returns how many failed.
 */
export async function chat(answer: Answer, options: ChatOptions = {}): Promise<number> {
  const { once, greeting, input = process.stdin, output = process.stdout, errors = process.stderr, memory = 12 } = options
  const interactive = once === undefined && input.isTTY === true
  let history: Turn[] = []
  let failures = 0

  const ask = async (question: string, signal: AbortSignal): Promise<void> => {
    const note = (remark: string): void => void output.write(`  ${remark}\n`)
    let content = ''
    try {
      for await (const piece of answer({ question, history, note, signal })) {
        content += piece
        output.write(piece)
      }
      output.write('\n\n')
      history = [...history, { role: 'user', content: question } as const, { role: 'assistant', content } as const].slice(-memory)
    } catch (error) {
      if (content !== '') output.write('\n')
      if (signal.aborted) return void errors.write('Stopped.\n')
      failures++
      errors.write(`This question failed: ${error instanceof Error ? error.message : String(error)}\n`)
    }
  }

  if (once !== undefined) {
    await ask(once, new AbortController().signal)
    return failures
  }

  const lines = createInterface({ input, output: interactive ? output : undefined, prompt: '> ', terminal: interactive })
  let answering: AbortController | undefined
  lines.on('SIGINT', () => (answering === undefined ? lines.close() : answering.abort()))
  if (interactive) {
    if (greeting) output.write(`${greeting}\n\n`)
    lines.prompt()
  }
  for await (const line of lines) {
    const question = line.trim()
    if (question === '/exit') break
    if (question === '/new') history = []
    else if (question !== '') {
      if (!interactive) output.write(`> ${question}\n`)
      answering = new AbortController()
      await ask(question, answering.signal)
      answering = undefined
    }
    if (interactive) lines.prompt()
  }
  lines.close()
  return failures
}

/** The command line both chatbots understand. */
export function readArguments(args: readonly string[] = process.argv.slice(2)): { readonly once?: string; readonly help: boolean } {
  const { values } = parseArgs({ args: [...args], options: { once: { type: 'string' }, help: { type: 'boolean', default: false } } })
  return { help: values.help, ...(values.once !== undefined && { once: values.once }) }
}
