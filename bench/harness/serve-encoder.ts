import { performance } from 'node:perf_hooks'
import { delayDuring } from './event-loop.ts'
import { serve, type Methods } from './serve.ts'

/** What the contenders of encoding are opened with. */
export interface EncoderSetup {
  /** Directory of the model. */
  readonly model: string
  readonly dtype?: 'fp32' | 'int8'
}

export interface OpenEncoder {
  /** One vector a text. `batch` is the option of a contender that has one. */
  encode(texts: readonly string[], batch: number): Promise<readonly ArrayLike<number>[]>
  close?(): Promise<unknown>
  /** What else it can be asked. */
  readonly methods?: Methods
}

/** A round of encoding. */
export interface EncodingRound {
  readonly texts: readonly string[]
  readonly batch: number
}

/**
 * Serves `vectors` (what it makes of texts), `all` (milliseconds of a round over texts it holds since `hold`) and `single` (milliseconds of
 * each of them on its own).
 */
export function serveEncoder(open: (setup: EncoderSetup) => Promise<OpenEncoder>): void {
  serve<EncoderSetup>(async (setup) => {
    const { encode, close, methods } = await open(setup)
    let held: readonly string[] = []
    const timed = async (texts: readonly string[], batch: number): Promise<number> => {
      const start = performance.now()
      await encode(texts, batch)
      return performance.now() - start
    }
    return {
      hold(texts: readonly string[]) {
        held = texts
      },
      vectors: async ({ texts, batch }: EncodingRound) => (await encode(texts, batch)).map((vector) => Float32Array.from(vector)),
      all: ({ batch, count }: { batch: number; count?: number }) => timed(held.slice(0, count), batch),
      delay: ({ batch, times = 1 }: { batch: number; times?: number }) =>
        delayDuring(async () => {
          for (let i = 0; i < times; i++) await encode(held, batch)
        }),
      async single() {
        const times: number[] = []
        for (const text of held) times.push(await timed([text], 1))
        return times
      },
      ...methods,
      ...(close && { close }),
    }
  })
}
