import type { Output } from '../environment.ts'
import { progressView, type Progress } from './progress.ts'

/** How a stage is shown. */
export interface StageView {
  /** What is being done: "Training". */
  readonly label: string
  /** What is counted, and what their rate is called; nothing is shown of a stage without. */
  readonly units?: readonly [many: string, rate: string]
}

/** How far a stage is. */
interface StageState {
  readonly done: number
  readonly total: number
  /** What else there is to know: "loss 1.24". */
  readonly note?: string
}

/** One progress view after another, each for its stage. */
export interface Stages<Stage extends string> {
  update(stage: Stage, state: StageState): void
  /** A line above the bar. */
  log(line: string): void
  stop(): void
}

export function stageViews<Stage extends string>(
  output: Output,
  views: Readonly<Record<Stage, StageView>>,
  { quiet = false }: { readonly quiet?: boolean } = {},
): Stages<Stage> {
  let current: Stage | undefined
  let view: Progress = progressView(output, { label: '', quiet: true })
  return {
    log: (line) => view.log(line),
    stop: () => view.stop(),
    update(stage, { done, total, note }) {
      if (stage !== current) {
        view.stop()
        current = stage
        const { label, units } = views[stage]
        view = progressView(output, { label, ...(units && { units }), quiet: quiet || !units })
      }
      view.update({ done, share: done / Math.max(1, total), ...(note !== undefined && { note }) })
    },
  }
}
