import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TaskEvaluation, TaskSetComparisons } from '../../../eval/index.ts'
import { taskEvaluationParts } from '../../display/task-evaluation.ts'
import { machine, versions } from '../../machine.ts'
import type { Circumstances } from './inputs.ts'

/** Writes what was found where it is wanted. */
export async function show(
  found: { readonly judged?: TaskEvaluation; readonly retrieval?: TaskSetComparisons },
  { options, environment, bad }: Circumstances,
): Promise<void> {
  for (const line of bad.lines()) environment.stderr.write(`${line}\n`)
  const { judged, retrieval } = found
  const { samples, exemplars, questions, model, modelName, pack, sets, split, merged = false, k, seed } = options
  const json = `${JSON.stringify(
    {
      ...(judged && { samples: judged }),
      ...(retrieval && { sets: retrieval }),
      command: {
        samples,
        exemplars,
        questions,
        model,
        modelName,
        pack,
        ...(sets && { sets: Object.fromEntries(sets), split, merged }),
        k,
        seed,
      },
      versions,
      machine: machine(),
      ...(bad.found().length > 0 && { skipped: bad.found() }),
    },
    undefined,
    2,
  )}\n`
  const facts = `pilotfish ${versions.pilotfish}, Node ${versions.node}, ${machine()}; seed ${seed}${model === undefined ? '' : `, model ${model}`}.`
  const parts = await taskEvaluationParts(found, environment, facts)
  if (options.out !== undefined) {
    await mkdir(options.out, { recursive: true })
    await writeFile(join(options.out, 'task-evaluation.json'), json)
    await writeFile(join(options.out, 'task-evaluation.md'), parts.markdown)
  }
  if (options.json === true) environment.stdout.write(json)
  else {
    if (options.json !== undefined) await writeFile(options.json, json)
    if (!options.quiet) environment.stdout.write(parts.terminal)
  }
}
