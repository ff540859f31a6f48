import type { Router } from '../router.ts'
import { atOnce, type Turns } from '../turns.ts'
import { expertsOf, type LabelOptions, type RoutedQuery } from './lessons.ts'
import { learningLinear, type Lesson } from './linear-router.ts'
import { logProbabilities, trainingSoftmax } from './softmax-regression.ts'

export interface ClassificationHeadOptions extends LabelOptions {
  readonly experts?: readonly string[]
  /** Whose a query is: it taught more than who answered it best (docs/decisions/0006-baseline-routers.md). @default 'domain' */
  readonly label?: LabelOptions['label']
  /** Inverse strength of the L2 penalty. @default 1 */
  readonly cost?: number
  /** All experts weigh the same in sum, however many queries they have. @default true */
  readonly balance?: boolean
}

/** So far below 0 a sigmoid is an exponential, and the shares of `decide` are the softmax. */
const deep = 30

/**
 * A linear head with a softmax over the experts, on the base vector (the paper's ClassificationHeadRouter). Another expert means that the
 * whole head is trained anew, from queries it keeps: a second or two for some thousand.
 */
export function classificationHeadRouter(queries: readonly RoutedQuery[], options: ClassificationHeadOptions = {}): Router {
  return atOnce(learningHead(queries, options))
}

/** The same in parts of some tens of milliseconds. */
export function learningHead(queries: readonly RoutedQuery[], options: ClassificationHeadOptions = {}): Turns<Router> {
  const { experts = expertsOf(queries), cost = 1, label = 'domain', balance = true, ties } = options
  return learningLinear({ label, ...(ties && { ties }), experts, queries }, function* (lessons, classes) {
    const counts = new Float64Array(classes)
    for (const { label } of lessons) counts[label]!++
    const weightOf = ({ label }: Lesson): number => (balance ? lessons.length / (classes * counts[label]!) : 1)
    const model = yield* trainingSoftmax(
      lessons.map((lesson) => ({ ...lesson, weight: weightOf(lesson) })),
      classes,
      { cost },
    )
    return (vector) => logProbabilities(model, vector).map((value) => value - deep)
  })
}
