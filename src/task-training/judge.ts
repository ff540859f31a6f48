import { isDense, type Expert } from '../expert/expert.ts'
import { generalName, type LoadedPack } from '../load-pack.ts'
import { searchHeldOut, type JudgedQuery } from '../pack-training/search.ts'
import { fitRouting, type FittedRouting } from '../routing/fitting/fit-routing.ts'
import { askOne, outcomes, type Asking } from '../routing/fitting/outcomes.ts'
import type { Found, HeldOutQuery } from '../routing/fitting/queries.ts'
import type { TrainingQuery } from '../train/expert/pairs.ts'
import { startClock } from '../train/progress.ts'
import type { TaskScores } from './comparison.ts'
import type { HalvedTask } from './halves.ts'
import type { TrainExpertsProgress } from './options.ts'
import type { BothWays } from './train-experts.ts'

/** What is taught of a task's other questions and documents, at most. */
const mostLessons = 1000
/** BM25's share of questions that no task's expert is asked. Not fitted: there are none to fit it to. */
const fallbackLexicalWeight = 0.5

export interface JudgedTasks {
  /** On the judging questions of each set, and on the test questions of those that have any. */
  readonly scores: readonly TaskScores[]
  readonly test: readonly TaskScores[]
  /** The router over the tasks, with the calibration of each way. */
  readonly routing: Readonly<Record<'routed' | 'multi-task', FittedRouting>>
}

interface JudgeOptions {
  readonly seed: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: TrainExpertsProgress) => void
}

type DenseExpert = Extract<Expert, { readonly queryEncoder: unknown }>

/** Fits a router for each way to one half of the held-out questions, and asks the other half in every way. */
export async function judgeTasks(
  sets: readonly HalvedTask[],
  names: readonly string[],
  ways: BothWays,
  loaded: LoadedPack,
  { signal, onProgress }: JudgeOptions,
): Promise<JudgedTasks> {
  const opened = await Promise.all([...ways.experts, ...ways.multiTask].map((weights) => weights.open()))
  try {
    const dense = opened.map(({ expert }) => expert).filter(isDense) as DenseExpert[]
    const { base, lexical } = loaded
    const encoders = [{ queryEncoder: base, documentEncoder: base }, ...dense]
    const total = sets.reduce((sum, { training, judging, test }) => sum + training.heldOut.length + judging.length + test.length, 0)
    const clock = startClock(total)
    let done = 0
    // Documents as their encoders read them: instructions are the encoders' own.
    const search = async (task: HalvedTask, queries: readonly TrainingQuery[]): Promise<JudgedQuery[]> => {
      const judged = await searchHeldOut(task.training.documents, queries, {
        base,
        views: encoders.map(
          ({ queryEncoder }) =>
            (texts, how) =>
              queryEncoder.encode(texts, how),
        ),
        documentEncoders: encoders.map(({ documentEncoder }) => documentEncoder),
        ...(lexical && { lexical }),
        ...(signal && { signal }),
      })
      done += queries.length
      onProgress?.({ ...clock(done), stage: 'judge' })
      return judged
    }
    const stopping: JudgedQuery[][] = []
    for (const set of sets) stopping.push(await search(set, set.training.heldOut))

    // The general expert comes first, then an expert a task, then the expert of all tasks under each instruction.
    const views = [generalName, ...names]
    const placesOf = { routed: [0, ...names.map((_, i) => 1 + i)], 'multi-task': [0, ...names.map((_, i) => 1 + names.length + i)] }
    const fit = (places: readonly number[]): Promise<FittedRouting> =>
      fitRouting({
        groups: sets.map(({ training }, t) => ({
          set: training.set ?? training.task,
          expert: training.task,
          queries: stopping[t]!.map((query) => seenBy(query, places)),
          lessons: training.queries.slice(0, mostLessons).map(({ text }) => text),
          passages: training.documents.slice(0, mostLessons),
        })),
        experts: views,
        general: generalName,
        fallbackLexicalWeight,
        pairs: [],
        ...(signal && { signal }),
      })
    const routing = { routed: await fit(placesOf.routed), 'multi-task': await fit(placesOf['multi-task']) }

    const scoresOf = async (set: HalvedTask, queries: readonly TrainingQuery[]): Promise<TaskScores> => {
      const judged = await search(set, queries)
      const { task: name, set: title = name, documents } = set.training
      const under = (way: keyof typeof placesOf, asking: (query: HeldOutQuery) => Asking): Float64Array => {
        const score = outcomes(views, routing[way].calibration)
        return Float64Array.from(judged, (query) => score(seenBy(query, placesOf[way]), asking(query)))
      }
      const routed = (way: keyof typeof placesOf, lexicalWeight?: number) => {
        const { router } = routing[way]
        return under(way, ({ text, vector }) => {
          const { experts, lexicalWeight: own } = router.route({ text, vector })
          return { experts, lexicalWeight: lexicalWeight ?? own }
        })
      }
      const first = judged.filter(({ text, vector }) => routing.routed.router.route({ text, vector }).experts[0]?.name === name)
      return {
        task: name,
        set: title,
        documents: documents.length,
        routedRight: first.length / judged.length,
        scores: {
          bm25: under('routed', () => askOne(generalName, 1)),
          general: under('routed', () => askOne(generalName, 0)),
          'multi-task, task known': under('multi-task', () => askOne(name, 0)),
          'experts, task known': under('routed', () => askOne(name, 0)),
          'multi-task, routed': routed('multi-task', 0),
          'experts, routed': routed('routed', 0),
          'general + BM25': under('routed', () => askOne(generalName, fallbackLexicalWeight)),
          'multi-task, routed + BM25': routed('multi-task'),
          'experts, routed + BM25': routed('routed'),
        },
      }
    }
    const scores: TaskScores[] = []
    const test: TaskScores[] = []
    for (const set of sets) {
      scores.push(await scoresOf(set, set.judging))
      if (set.test.length > 0) test.push(await scoresOf(set, set.test))
    }
    return { scores, test, routing }
  } finally {
    for (const { close } of opened) await close()
  }
}

/** A query's searches as some of the experts saw them. */
function seenBy(query: HeldOutQuery, places: readonly number[]): HeldOutQuery {
  const found = query.found.map(({ result, score }): Found => {
    const candidates = result.candidates.map((each) => ({ ...each, similarities: places.map((place) => each.similarities[place]!) }))
    return { result: { ...result, candidates }, score }
  })
  return { text: query.text, vector: query.vector, found }
}
