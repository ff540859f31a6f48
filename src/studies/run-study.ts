import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidArgumentError, UnknownExpertError } from '../errors.ts'
import type { BeirSet } from '../eval/beir.ts'
import { checkedOptions } from '../eval/evaluate-engine.ts'
import type { Study } from '../eval/results.ts'
import { addExpert } from './add-expert.ts'
import { leaveOneOut } from './leave-one-out.ts'
import { numberOfExperts } from './number-of-experts.ts'
import { pilotAggregation } from './pilot-aggregation.ts'
import { pilotsPerGroup } from './pilots-per-group.ts'
import { withStudyField, type StudyField } from './study-field.ts'
import { studyNames, type StudyName, type StudyOptions } from './study-options.ts'
import { trainingSize } from './training-size.ts'

/**
 * One of the studies of the RouterRetriever paper, over BEIR sets and a pack. Routers learn from train queries that no expert was trained
 * on; experts are searched with once, whatever the number of routers.
 * @throws InvalidArgumentError, InvalidDataError, InvalidPackError
 */
export async function runStudy(name: StudyName, sets: readonly BeirSet[], options: StudyOptions = {}): Promise<Study> {
  check(name, sets, options)
  options.signal?.throwIfAborted()
  if (name === 'training-size') return trainingSize(sets, options)
  return withStudyField(sets, options, (field) => {
    checkExperts(field, options)
    if (name === 'experts') return numberOfExperts(field)
    if (name === 'pilots') return pilotsPerGroup(field, options.sizes)
    if (name === 'aggregation') return pilotAggregation(field)
    if (name === 'leave-one-out') return leaveOneOut(field, options.experts)
    return addExpert(field, options.signal)
  })
}

/** Puts a study where reports look for it: `studies/NAME.json` of a results directory. */
export async function saveStudy(directory: string, study: Study): Promise<string> {
  const path = join(directory, 'studies', `${study.name}.json`)
  await mkdir(join(directory, 'studies'), { recursive: true })
  await writeFile(`${path}.part`, `${JSON.stringify(study, undefined, 2)}\n`)
  await rename(`${path}.part`, path)
  return path
}

function check(name: string, sets: readonly BeirSet[], { sizes, repeats, queries, routerQueries }: StudyOptions): void {
  if (!(studyNames as readonly string[]).includes(name))
    throw new InvalidArgumentError('study', `is called ${JSON.stringify(name)}`, `Studies: ${studyNames.join(', ')}.`)
  checkedOptions(sets, {})
  const counts = { repeats, queries, routerQueries }
  for (const [option, value] of Object.entries(counts))
    if (value !== undefined && !isCount(value)) throw new InvalidArgumentError(option, `is ${value}, not a whole number above 0`)
  if (sizes && (sizes.length === 0 || !sizes.every(isCount))) throw new InvalidArgumentError('sizes', 'must hold whole numbers above 0')
}

function checkExperts({ experts }: StudyField, { experts: wanted = [] }: StudyOptions): void {
  for (const name of wanted) if (!experts.includes(name)) throw new UnknownExpertError(name, experts)
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value > 0
}
