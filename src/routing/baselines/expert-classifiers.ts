import { sparseDot, trainLogistic } from '../logistic.ts'
import type { Router } from '../router.ts'
import { expertsOf, type LabelOptions, type RoutedQuery } from './lessons.ts'
import { linearRouter } from './linear-router.ts'

export interface ExpertClassifiersOptions extends LabelOptions {
  readonly experts?: readonly string[]
  /** Inverse strength of the L2 penalty. @default 10 */
  readonly cost?: number
}

/**
 * One binary classifier an expert, on the base vector: its queries against all others, the highest probability wins (the paper's
 * ExpertClassifierRouter). Another expert means that all are trained anew, since its queries speak against every other: a second or two
 * for some thousand.
 */
export function expertClassifiersRouter(queries: readonly RoutedQuery[], options: ExpertClassifiersOptions = {}): Router {
  const { experts = expertsOf(queries), cost = 10, ...labels } = options
  return linearRouter({ ...labels, experts, queries }, (lessons, classes) => {
    const dimensions = lessons[0]!.vector.length
    const indices = Uint32Array.from({ length: dimensions }, (_, i) => i)
    const examples = lessons.map(({ vector, label }) => ({ features: { indices, values: vector }, label }))
    const models = Array.from({ length: classes }, (_, place) =>
      trainLogistic(
        examples.map(({ features, label }) => ({ features, positive: label === place })),
        dimensions,
        { cost },
      ),
    )
    return (vector) => models.map(({ weights, bias }) => bias + sparseDot({ indices, values: vector }, weights))
  })
}
