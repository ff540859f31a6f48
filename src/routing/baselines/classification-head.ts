import type { Router } from '../router.ts'
import { expertsOf, type LabelOptions, type RoutedQuery } from './lessons.ts'
import { linearRouter } from './linear-router.ts'
import { logProbabilities, trainSoftmax } from './softmax-regression.ts'

export interface ClassificationHeadOptions extends LabelOptions {
  readonly experts?: readonly string[]
  /** Inverse strength of the L2 penalty. @default 10 */
  readonly cost?: number
}

/** So far below 0 a sigmoid is an exponential, and the shares of `decide` are the softmax. */
const deep = 30

/**
 * A linear head with a softmax over the experts, on the base vector (the paper's ClassificationHeadRouter). Another expert means that the
 * whole head is trained anew, from queries it keeps: a second or two for some thousand.
 */
export function classificationHeadRouter(queries: readonly RoutedQuery[], options: ClassificationHeadOptions = {}): Router {
  const { experts = expertsOf(queries), cost = 10, ...labels } = options
  return linearRouter({ ...labels, experts, queries }, (lessons, classes) => {
    const model = trainSoftmax(lessons, classes, { cost })
    return (vector) => logProbabilities(model, vector).map((value) => value - deep)
  })
}
