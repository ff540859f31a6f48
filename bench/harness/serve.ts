/** What a contender does when asked, by name. `close` is called before its process ends. */
export type Methods = Readonly<Record<string, (argument: never) => unknown>>

interface Call {
  readonly method: string
  readonly argument: unknown
}

/** The contender's side of `startContender`: opens once with the setup it is given, then answers calls one after another. */
export function serve<Setup>(open: (setup: Setup) => Promise<Methods>): void {
  let methods: Methods = {}
  let last = Promise.resolve()
  process.on('message', ({ method, argument }: Call) => {
    last = last.then(async () => {
      if (method === 'close') {
        await (methods as { close?: () => unknown }).close?.()
        process.exit()
      }
      process.send!(await answer(method, argument))
    })
  })
  // Whoever measures has gone: nobody is left to close this one.
  process.on('disconnect', () => process.exit())

  async function answer(method: string, argument: unknown): Promise<object> {
    try {
      if (method === 'open') methods = await open(argument as Setup)
      return { value: method === 'open' ? undefined : await methods[method]!(argument as never) }
    } catch (error) {
      return { error: String((error as Error).stack ?? error) }
    }
  }
}
