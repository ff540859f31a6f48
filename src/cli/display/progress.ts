import cliProgress from 'cli-progress'
import type { Output } from '../environment.ts'
import { bar as drawBar, count, duration } from './numbers.ts'

/** Shows how far a long command is. */
export interface Progress {
  update(state: { readonly documents: number; readonly share: number }): void
  /** A line above the bar. */
  log(line: string): void
  stop(): void
}

export interface ProgressOptions {
  /** What is being done: "Indexing". */
  readonly label: string
  /** Says nothing but what is logged. @default false */
  readonly quiet?: boolean
  /** Milliseconds between two lines where there is no terminal. @default 5000 */
  readonly interval?: number
  readonly now?: () => number
}

/** A bar with rate and remaining time on a terminal; elsewhere a plain line every few seconds. */
export function progressView(
  output: Output,
  { label, quiet = false, interval = 5000, now = () => performance.now() }: ProgressOptions,
): Progress {
  const print = (line: string): void => void output.write(`${line}\n`)
  if (quiet) return { update() {}, log: print, stop() {} }

  const pace = paceOf(now)
  if (!output.isTTY) {
    let last = now()
    return {
      update(state) {
        pace.update(state)
        if (now() - last < interval) return
        last = now()
        print(`${label}: ${describe(state, pace)}`)
      },
      log: print,
      stop() {},
    }
  }

  const view = new cliProgress.SingleBar({
    stream: output,
    clearOnComplete: true,
    gracefulExit: false,
    hideCursor: true,
    forceRedraw: true,
    linewrap: false,
    fps: 10,
    format: (_options, _params, state: { documents: number; share: number }) =>
      `${label} │${drawBar(state.share, 20)}│ ${describe(state, pace)}`,
  })
  view.start(1, 0, { documents: 0, share: 0 })
  return {
    update(state) {
      pace.update(state)
      view.update(state.share, { ...state })
    },
    log(line) {
      output.write('\r\x1b[K')
      print(line)
    },
    stop: () => view.stop(),
  }
}

interface Pace {
  update(state: { readonly documents: number; readonly share: number }): void
  /** Documents per second over the last few seconds; `undefined` before there is something to go by. */
  rate(): number | undefined
  /** Seconds left; `undefined` before there is something to go by. */
  left(): number | undefined
}

/** Measured over a sliding window: skipping what is unchanged is a hundred times faster than embedding. */
function paceOf(now: () => number, window = 10_000): Pace {
  const marks = [{ time: now(), documents: 0, share: 0 }]
  const span = () => {
    const first = marks[0]!
    const last = marks.at(-1)!
    return { seconds: (last.time - first.time) / 1000, documents: last.documents - first.documents, share: last.share - first.share, last }
  }
  return {
    update({ documents, share }) {
      marks.push({ time: now(), documents, share })
      while (marks.length > 2 && marks.at(-1)!.time - marks[1]!.time > window) marks.shift()
    },
    rate() {
      const { seconds, documents } = span()
      return seconds > 0 ? documents / seconds : undefined
    },
    left() {
      const { seconds, share, last } = span()
      return seconds > 0 && share > 0 ? ((1 - last.share) * seconds) / share : undefined
    },
  }
}

function describe({ documents, share }: { documents: number; share: number }, pace: Pace): string {
  const rate = pace.rate()
  const left = pace.left()
  return [
    `${Math.floor(share * 100)} %`,
    `${count(documents)} documents`,
    ...(rate === undefined ? [] : [`${count(rate)} docs/s`]),
    ...(left === undefined || share >= 1 ? [] : [`${duration(left)} left`]),
  ].join(' · ')
}
