import type { TaskSample } from '../tasks/sample.ts'
import { InvalidArgumentError } from '../errors.ts'
import { isRetrievalTask, retrievalTasks, taskInstructions, type RetrievalTask } from '../tasks/task.ts'
import type { TrainingQuery, TrainingSet } from './expert/pairs.ts'
import { releasedRecipes, type TaskRecipe } from './losses/loss.ts'

export interface SetsFromSamplesOptions {
  /** How tasks learn, where not as released. */
  readonly recipes?: Partial<Readonly<Record<RetrievalTask, Partial<TaskRecipe>>>>
  /**
   * What is put before queries and candidates: the task's own instructions; `queries`: before queries alone, so that documents may stay as
   * they are embedded; or nothing. @default 'queries'
   */
  readonly instructions?: 'both' | 'queries' | 'none'
  /** Samples that judge, never learned from. @default drawn from the others when training */
  readonly heldOut?: readonly TaskSample[]
}

/** Why a sample teaches nothing. */
export type UnusedReason = 'nothing says which candidate helps' | 'its rewards lie too close together' | 'it has no candidates'

/** Training sets, one for each task, and what became of the samples. */
export interface SetsFromSamples {
  readonly sets: readonly (TrainingSet & { readonly task: RetrievalTask })[]
  readonly used: Readonly<Partial<Record<RetrievalTask, number>>>
  readonly unused: readonly { readonly sample: TaskSample; readonly reason: UnusedReason }[]
}

/**
 * Makes training sets of samples: candidates are the documents, rewards go with them, and each task learns by its recipe (LLM-Embedder's released one).
 * @throws InvalidArgumentError for a sample of no task of the six
 */
export function setsFromSamples(samples: readonly TaskSample[], options: SetsFromSamplesOptions = {}): SetsFromSamples {
  const { recipes = {}, instructions = 'queries', heldOut } = options
  for (const sample of [...samples, ...(heldOut ?? [])]) {
    if (!isRetrievalTask(sample.task))
      throw new InvalidArgumentError('samples', `has the task ${JSON.stringify(sample.task)}`, `There are ${retrievalTasks.join(', ')}.`)
  }
  const unused: { sample: TaskSample; reason: UnusedReason }[] = []
  const used: Partial<Record<RetrievalTask, number>> = {}
  const sets = retrievalTasks.flatMap((task) => {
    const recipe = recipeOf(task, recipes[task])
    const documents = new Map<string, number>()
    const place = (text: string): number => {
      if (!documents.has(text)) documents.set(text, documents.size)
      return documents.get(text)!
    }
    const read = (list: readonly TaskSample[]): TrainingQuery[] =>
      list.flatMap((sample) => {
        if (sample.task !== task) return []
        const reason = whyUnused(sample, recipe)
        if (reason) unused.push({ sample, reason })
        return reason ? [] : [queryOf(sample, recipe, place)]
      })
    const queries = read(samples)
    const judging = heldOut && read(heldOut)
    if (queries.length === 0) return []
    used[task] = queries.length + (judging?.length ?? 0)
    const { query, key } = taskInstructions[task]
    const instruction = instructions === 'both' ? { query, document: key } : { query }
    return [
      {
        task,
        documents: [...documents.keys()],
        queries,
        ...(judging && { heldOut: judging }),
        loss: recipe.loss,
        ...(instructions !== 'none' && { instruction }),
      },
    ]
  })
  return { sets, used, unused }
}

function recipeOf(task: RetrievalTask, own: Partial<TaskRecipe> = {}): TaskRecipe {
  const { loss, positive, margin } = releasedRecipes[task]
  return { loss: own.loss ?? loss, positive: own.positive ?? positive, margin: own.margin ?? margin }
}

function whyUnused({ candidates, positives, scores }: TaskSample, { loss, margin }: TaskRecipe): UnusedReason | undefined {
  if (candidates.length === 0) return 'it has no candidates'
  if (positives === 0 && !scores) return 'nothing says which candidate helps'
  if (scores && loss.distillation && Math.max(...scores) - Math.min(...scores) < margin) return 'its rewards lie too close together'
  return undefined
}

function queryOf(sample: TaskSample, { positive }: TaskRecipe, place: (text: string) => number): TrainingQuery {
  const { query, candidates, positives, scores } = sample
  const places = candidates.map(place)
  const best = scores && places[scores.indexOf(Math.max(...scores))]
  const answers = (positive === 'teacher' || positives === 0) && best !== undefined ? [best] : places.slice(0, positives)
  const isAnswer = new Set(answers)
  // Of candidates that read the same the first counts.
  const first = places.flatMap((each, i) => (places.indexOf(each) === i ? [i] : []))
  return {
    text: query,
    positives: [...isAnswer],
    ...(scores
      ? { rewards: { places: first.map((i) => places[i]!), values: first.map((i) => scores[i]!) } }
      : { negatives: places.filter((each, i) => !isAnswer.has(each) && first.includes(i)) }),
  }
}
