import cliProgress from 'cli-progress'
import type { Output } from '../environment.ts'
import { bar as drawBar, count, duration } from './numbers.ts'

/** Shows how far a long command is. */
export interface Progress {
  update(state: State): void
  /** A line above the bar. */
  log(line: string): void
  stop(): void
}

/** How much is done, and which share of the whole that is, in [0, 1]. */
interface State {
  readonly done: number
  readonly share: number
  /** What is counted from now on, where that changes on the way. @default the view's */
  readonly units?: Units
  /** What else there is to know: "loss 1.24". */
  readonly note?: string
}

type Units = readonly [many: string, rate: string]

export interface ProgressOptions {
  /** What is being done: "Indexing". */
  readonly label: string
  /** What is counted, and what their rate is called. @default ['documents', 'docs/s'] */
  readonly units?: Units
  /** Says nothing but what is logged. @default false */
  readonly quiet?: boolean
  /** Milliseconds between two lines where there is no terminal. @default 5000 */
  readonly interval?: number
  readonly now?: () => number
}

/** A bar with rate and remaining time on a terminal; elsewhere a plain line every few seconds. */
export function progressView(
  output: Output,
  { label, units = ['documents', 'docs/s'], quiet = false, interval = 5000, now = () => performance.now() }: ProgressOptions,
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
        print(`${label}: ${describe(state, pace, units)}`)
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
    format: (_options, _params, state: State) => `${label} │${drawBar(state.share, 20)}│ ${describe(state, pace, units)}`,
  })
  let state: State = { done: 0, share: 0 }
  let running = true
  view.start(1, 0, { ...state })
  return {
    update(next) {
      state = next
      pace.update(next)
      view.update(next.share, { ...next })
    },
    log(line) {
      if (running) view.stop()
      print(line)
      if (running) view.start(1, state.share, { ...state })
    },
    stop() {
      if (running) view.stop()
      running = false
    },
  }
}

interface Pace {
  update(state: State): void
  /** Documents per second over the last few seconds; `undefined` before there is something to go by. */
  rate(): number | undefined
  /** Seconds left; `undefined` before there is something to go by. */
  left(): number | undefined
}

/** Measured over a sliding window: skipping what is unchanged is a hundred times faster than embedding. */
function paceOf(now: () => number, window = 10_000): Pace {
  const marks: (State & { readonly time: number })[] = [{ time: now(), done: 0, share: 0 }]
  const span = (from = marks) => {
    const first = from[0]!
    const last = from.at(-1)!
    return { seconds: (last.time - first.time) / 1000, done: last.done - first.done, share: last.share - first.share, last }
  }
  return {
    update(state) {
      marks.push({ ...state, time: now() })
      while (marks.length > 2 && marks.at(-1)!.time - marks[1]!.time > window) marks.shift()
    },
    rate() {
      // Documents say nothing about how fast questions go.
      const { seconds, done } = span(marks.filter(({ units }) => units === marks.at(-1)!.units))
      return seconds > 0 ? done / seconds : undefined
    },
    left() {
      const { seconds, share, last } = span()
      return seconds > 0 && share > 0 ? ((1 - last.share) * seconds) / share : undefined
    },
  }
}

function describe({ done, share, units, note }: State, pace: Pace, usual: Units): string {
  const [many, rateUnit] = units ?? usual
  const rate = pace.rate()
  const left = pace.left()
  return [
    `${Math.floor(share * 100)} %`,
    `${count(done)} ${many}`,
    ...(rate === undefined ? [] : [`${count(rate)} ${rateUnit}`]),
    ...(left === undefined || share >= 1 ? [] : [`${duration(left)} left`]),
    ...(note === undefined ? [] : [note]),
  ].join(' · ')
}
