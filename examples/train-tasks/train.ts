/**
 * Train experts for two tasks, and see which way does better: one expert for both, or one for each.
 *
 *   npm run example:train-tasks                 # the new pack goes to a temporary directory, and away again
 *   npm run example:train-tasks -- ./task-pack  # keep it
 *
 * It is one line on the command line, too:
 *
 *   pilotfish train-tasks --samples examples/train-tasks/tools.jsonl --task qa=examples/train-expert/beekeeping.csv \
 *     --instructions none --out ./task-pack
 *
 * A beekeeper's assistant retrieves for two needs. Questions want a passage that answers them (`qa`); requests want a function that does
 * what is asked (`tool`), and say it in words that no function is described in: "I am out of foundation" is for `order_supplies`.
 * `tools.jsonl` holds 96 such requests over eight functions, in the format of LLM-Embedder's training data.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openPilotfish, readSamples } from 'pilotfish'
import { taskComparisonTable, readPairs, setsFromSamples, trainExperts } from 'pilotfish/train'

const near = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const directory = process.argv[2] ?? join(await mkdtemp(join(tmpdir(), 'pilotfish-')), 'pack')

// Each line has a request, the function that is wanted, and three that are not. Lines that a language model has scored (`pilotfish reward`)
// bring `teacher_scores` as well, and learn from them; these learn by contrast. The tasks' own instructions are left out: the bundled
// encoder has never seen them, and so few questions cannot teach it what to make of them.
const { sets } = setsFromSamples(await readSamples(near('tools.jsonl')), { instructions: 'none' })
const pairs = await readPairs(near('../train-expert/beekeeping.csv'))
const tasks = [...sets, { ...pairs, task: 'qa' }]
for (const { task, queries, documents } of tasks) console.log(`${task}: ${queries.length} questions over ${documents.length} texts`)

// Both ways get the same steps. A fifth of the questions is held out: one half decides when training stops and teaches the router, the other
// half judges. That is ten and nine questions here, enough to see how it works and too few to believe the figures: give hundreds.
const batches = new Map<string, number>()
const { comparison, winner, steps } = await trainExperts({
  tasks,
  steps: 200,
  out: directory,
  onLog({ expert, queries }) {
    // Every batch is of one task, so that its texts are hard to tell apart.
    const key = `${expert}: ${Object.keys(queries).join(' and ')}`
    batches.set(key, (batches.get(key) ?? 0) + 1)
  },
  onProgress({ stage, expert = '', done, total }) {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${stage} ${expert} ${done} of ${total}`)
  },
})
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')

console.log(`\nbatches    ${[...batches].map(([key, count]) => `${key} ${count}`).join(', ')}`)
console.log(`kept steps ${JSON.stringify(steps)}`)
console.log(`\n${taskComparisonTable(comparison)}\n`)
console.log(winner === 'routed' ? 'One expert a task did better.' : 'One expert for all tasks did better.')

// A pack like any other: whoever asks with a task asks its expert.
const fish = await openPilotfish({ pack: directory })
for (const { task, documents } of tasks) await fish.add(documents.map((text, i) => ({ id: `${task}-${i + 1}`, text, metadata: { task } })))

// None of these is among the requests that were learned from; each with the function it is for.
const requests = [
  ['we need ten more frames', 'order_supplies'],
  ['varroa in number six, how much do I trickle?', 'treatment_dose'],
  ['is Thursday good to open up?', 'weather_window'],
  ['the café took six jars, charge them', 'invoice'],
  ['they were calm, six frames of brood and eggs', 'record_inspection'],
] as const
for (const [request, wanted] of requests) {
  console.log(`\n${request}`)
  for (const by of [{ expert: 'general' }, { task: 'tool' }]) {
    const { hits } = await fish.retrieve(request, { ...by, filter: { task: 'tool' }, topK: 1, lexicalWeight: 0 })
    const found = hits[0]?.document.text.split(':')[0]
    console.log(`  ${found === wanted ? '✔' : ' '} ${(by.task ?? by.expert)!.padEnd(8)} ${found}`)
  }
}

await fish.close()
if (process.argv[2] === undefined) await rm(join(directory, '..'), { recursive: true })
else console.log(`\nThe pack stays in ${directory}: pilotfish route 'I am out of sugar' --task tool --pack ${directory}`)
