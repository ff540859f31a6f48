import { sparseDot, trainLogistic, type LinearModel } from '../logistic.ts'
import type { Router } from '../router.ts'
import { atOnce, type Turns } from '../turns.ts'
import { expertsOf, type LabelOptions, type RoutedQuery } from './lessons.ts'
import { learningLinear } from './linear-router.ts'

export interface ExpertClassifiersOptions extends LabelOptions {
  readonly experts?: readonly string[]
  /** Whose a query is: it taught more than who answered it best (docs/decisions/0006-baseline-routers.md). @default 'domain' */
  readonly label?: LabelOptions['label']
  /** Inverse strength of the L2 penalty. @default 1 */
  readonly cost?: number
}

/**
 * One binary classifier an expert, on the base vector: its queries against all others, the highest probability wins (the paper's
 * ExpertClassifierRouter). Another expert means that all are trained anew, since its queries speak against every other: a second or two
 * for some thousand.
 */
export function expertClassifiersRouter(queries: readonly RoutedQuery[], options: ExpertClassifiersOptions = {}): Router {
  return atOnce(learningClassifiers(queries, options))
}

/** The same in parts of some tenths of a second: an expert at a time. */
export function learningClassifiers(queries: readonly RoutedQuery[], options: ExpertClassifiersOptions = {}): Turns<Router> {
  const { experts = expertsOf(queries), cost = 1, label = 'domain', ties } = options
  return learningLinear({ label, ...(ties && { ties }), experts, queries }, function* (lessons, classes) {
    const dimensions = lessons[0]!.vector.length
    const indices = Uint32Array.from({ length: dimensions }, (_, i) => i)
    const examples = lessons.map((lesson) => ({ features: { indices, values: lesson.vector }, place: lesson.label }))
    const models: LinearModel[] = []
    for (let place = 0; place < classes; place++) {
      yield
      const ofOne = examples.map((example) => ({ features: example.features, positive: example.place === place }))
      models.push(trainLogistic(ofOne, dimensions, { cost }))
    }
    return (vector) => models.map(({ weights, bias }) => bias + sparseDot({ indices, values: vector }, weights))
  })
}
