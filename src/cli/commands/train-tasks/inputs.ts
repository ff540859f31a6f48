import { readdir } from 'node:fs/promises'
import { basename, join, parse, resolve } from 'node:path'
import type { TaskSample } from '../../../tasks/sample.ts'
import { isRetrievalTask } from '../../../tasks/task.ts'
import type { PairProblem, SetsFromSamples, TrainingQuery, TrainingSet } from '../../../train/index.ts'
import type { ProblemLog } from '../../display/problems.ts'
import type { TaskInputs } from '../../display/task-inputs.ts'
import { UsageError } from '../../environment.ts'
import { holdsSamples, instructionOf, readSampleFiles, type InstructionsAt } from '../../samples.ts'
import { collection, unlike } from './collection.ts'

/** Paths for each name, in the order in which they were given. */
export type NamedPaths = ReadonlyMap<string, readonly string[]>

export interface TaskInputOptions {
  readonly samples?: readonly string[]
  readonly task?: NamedPaths
  readonly test?: NamedPaths
  readonly instructions: InstructionsAt
  readonly limit?: number
  readonly seed: number
}

interface Reading {
  readonly options: TaskInputOptions
  readonly log: ProblemLog
  readonly signal: AbortSignal
}

/** A set, and what is only asked of its documents. */
interface ReadSet {
  readonly task: string
  /** That of its directory or file; samples are called after their task. */
  readonly name: string
  readonly training: TrainingSet
  readonly tests: Pick<TrainingSet, 'documents' | 'queries'>[]
}

/** Reads all that is to be learned from. @throws InvalidDataError, UsageError */
export async function readTaskSets(options: TaskInputOptions, log: ProblemLog, signal: AbortSignal): Promise<TaskInputs> {
  const reading: Reading = { options, log, signal }
  const { samples: paths = [], task: tasks = new Map() as NamedPaths, test: tests = new Map() as NamedPaths } = options
  const unused: SetsFromSamples['unused'][] = []
  const read: ReadSet[] = []
  if (paths.length > 0) {
    const found = await fromSamples(await readSampleFiles(paths, { limit: options.limit, log, signal }), reading)
    unused.push(found.unused)
    read.push(...found.sets.map((training) => ({ task: training.task, name: training.task, training, tests: [] })))
  }
  for (const [task, sources] of tasks) for (const path of sources) read.push(await pairSet(task, path, reading))
  for (const [name, sources] of tests) {
    const set = setCalled(name, read)
    for (const path of sources) set.tests.push(await testSet(set.task, path, reading, unused))
  }
  let kept = 0
  const sets = named(read).map(({ task, name, training, tests: asked }) => {
    const { add, documents } = collection()
    const all = add(training)
    const heldOut = training.heldOut && add({ documents: training.documents, queries: training.heldOut })
    const test = asked.flatMap((each) => add(each))
    const queries = unlike(all, [...(heldOut ?? []), ...test])
    kept += all.length - queries.length
    return { ...training, task, set: name, documents, queries, ...(heldOut && { heldOut }), ...(test.length > 0 && { test }) }
  })
  return { sets, unused: unused.flat(), kept }
}

async function fromSamples(samples: readonly TaskSample[], { options: { instructions } }: Reading): Promise<SetsFromSamples> {
  const { setsFromSamples } = await import('../../../train/index.ts')
  return setsFromSamples(samples, { instructions })
}

/** Pairs of a task. A BEIR directory brings its development and test questions along. */
async function pairSet(task: string, path: string, reading: Reading): Promise<ReadSet> {
  if (await holdsSamples(path)) throw new UsageError(`${path} holds samples, whose lines name their tasks: give it with --samples.`)
  const read = pairReader(path, reading)
  const { documents, queries, format } = await read('train')
  const splits = format === 'beir' ? await readdir(join(path, 'qrels')) : []
  const instruction = instructionOf(task, reading.options.instructions)
  const { add, documents: all } = collection()
  const training: TrainingSet = {
    documents: all,
    queries: add({ documents, queries }),
    ...(splits.includes('dev.tsv') && { heldOut: add(await read('dev')) }),
    ...(instruction && { instruction }),
  }
  const tests = splits.includes('test.tsv') ? [await read('test')] : []
  return { task, name: format === 'beir' ? basename(resolve(path)) : parse(path).name, training, tests }
}

/** Questions to report on: samples where the lines are samples, else pairs, of a BEIR directory the test split. */
async function testSet(
  task: string,
  path: string,
  reading: Reading,
  unused: SetsFromSamples['unused'][],
): Promise<{ documents: readonly string[]; queries: readonly TrainingQuery[] }> {
  if (!(await holdsSamples(path))) return pairReader(path, reading)('test')
  if (!isRetrievalTask(task)) throw new UsageError(`${path} holds samples, but "${task}" is none of their tasks: give pairs.`)
  const { options, log, signal } = reading
  const samples = await readSampleFiles([path], { task, limit: options.limit, log, signal })
  const other = samples.find((sample) => sample.task !== task)
  if (other) throw new UsageError(`${path}, line ${other.line}, is a sample of ${other.task}, but was given as test questions of ${task}.`)
  const found = await fromSamples(samples, reading)
  unused.push(found.unused)
  return found.sets[0] ?? { documents: [], queries: [] }
}

/** Reads the splits of one path; what is wrong with lines that they share is told once. */
function pairReader(path: string, { options: { limit, seed }, log }: Reading) {
  const told = new Set<string>()
  const onProblem = (problem: PairProblem): void => {
    const key = JSON.stringify(problem)
    if (!told.has(key)) log.report(problem)
    told.add(key)
  }
  return async (split: string) => {
    const { readPairs } = await import('../../../train/index.ts')
    return readPairs(path, { split, seed, ...(limit !== undefined && { limit }), onProblem })
  }
}

/** By the name of a set, else of its task. */
function setCalled(name: string, sets: readonly ReadSet[]): ReadSet {
  const called = sets.filter((set) => set.name === name)
  const found = called.length > 0 ? called : sets.filter(({ task }) => task === name)
  if (found.length === 1) return found[0]!
  if (found.length > 1)
    throw new UsageError(`--test ${name}=… may mean several sets: name one of ${found.map((set) => set.name).join(', ')}.`)
  const known = [...new Set(sets.flatMap(({ task, name: own }) => [task, own]))]
  throw new UsageError(`--test ${name}=… is about nothing that is trained on. There are ${known.join(', ')}.`)
}

/** Names that tell all sets apart. */
function named(sets: readonly ReadSet[]): ReadSet[] {
  const taken = new Set<string>()
  return sets.map((set) => {
    const ambiguous = sets.filter(({ name }) => name === set.name).length > 1
    const wanted = ambiguous ? `${set.task}/${set.name}` : set.name
    let name = wanted
    for (let i = 2; taken.has(name); i++) name = `${wanted}-${i}`
    taken.add(name)
    return { ...set, name }
  })
}
