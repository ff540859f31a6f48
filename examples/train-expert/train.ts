/**
 * Train an expert for a domain that the bundled ones do not know, then ask it.
 *
 *   npm run example:train-expert                      # the new pack goes to a temporary directory, and away again
 *   npm run example:train-expert -- ./pilotfish-pack  # keep it
 *
 * The training is one line on the command line, too:
 *
 *   pilotfish train --name beekeeping --pairs examples/train-expert/beekeeping.csv --out ./pilotfish-pack
 *
 * `beekeeping.csv` holds 88 questions, as people ask them, each beside the passage that answers it. Few, but enough to see
 * how it works; a few hundred are good. Nothing is downloaded, no GPU is needed, and equal pairs give an equal expert.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openPilotfish, type Retrieval } from 'pilotfish'
import { readPairs, trainIntoPack } from 'pilotfish/train'
import { demoCorpus } from '../chatbot-shared/corpus.ts'

const name = 'beekeeping'
const directory = process.argv[2] ?? (await mkdtemp(join(tmpdir(), 'pilotfish-')))

const pairs = await readPairs(fileURLToPath(new URL('beekeeping.csv', import.meta.url)))
console.log(`${pairs.queries.length} questions over ${pairs.documents.length} passages`)

// A copy of the bundled pack with one expert more. One that does no better than the general expert would be refused
// (TrainingRefusedError, with the figures), and no pack written. `replace` lets you run this twice on one directory.
const { heldOut, routing, lexicalWeight } = await trainIntoPack({
  name,
  description: 'Keeping honey bees',
  pairs,
  out: directory,
  replace: true,
  onProgress({ stage, done, total, eta }) {
    const left = eta === undefined ? '' : `, ${Math.ceil(eta)} s left`
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${stage} ${done} of ${total}${left}`)
  },
})
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')

// Each question was put to an expert that had not learned from it: about what your users' own questions would get.
const points = (share: number): string => (100 * share).toFixed(1)
const systems = {
  general: heldOut.general,
  [name]: heldOut.expert,
  'general + BM25': heldOut.generalWithBm25,
  [`${name} + BM25`]: heldOut.expertWithBm25,
}
console.log(`\n${'on questions it has not seen'.padEnd(30)} nDCG@10  recall@10`)
for (const [system, scores] of Object.entries(systems))
  console.log(`  ${system.padEnd(28)} ${points(scores['ndcg@10']).padStart(7)}  ${points(scores['recall@10']).padStart(9)}`)
const { gain } = heldOut
console.log(`gained without BM25: ${points(gain.mean)} points, 95 % interval ${points(gain.low)} to ${points(gain.high)}`)
console.log(
  `routing: ${points(routing.own.asked)} % of ${routing.own.queries} unseen ones reach ${name}; BM25's share for them is ${lexicalWeight}`,
)
if (routing.others) {
  const { before, after } = routing.others
  console.log(`other experts: ${points(after)} % of their questions go where they belong, ${points(before)} % before`)
}

// From here on it is a pack like any other. An index made with the bundled pack would open under it as it is: documents
// are embedded by the base, and an expert changes only how questions are read.
const fish = await openPilotfish({ pack: directory })
await fish.add(pairs.documents.map((text, i) => ({ id: `bees-${i + 1}`, text })))
await fish.add(await demoCorpus()) // and two hundred of other domains

// None of these is in the CSV; each with how the passage begins that answers it. The last is for an expert that was there before.
const questions = [
  ['I found swarm cells, what now?', 'A colony that means to swarm'],
  ['how long must the new queen stay in her cage?', 'Introduce a new queen'],
  ['what do I need to spin the honey?', 'Scrape the cappings'],
  ['how do I unpack a tar.gz file?', 'tar -x'],
] as const
for (const [question, answer] of questions) {
  const show = (who: string, { hits }: Retrieval): void => {
    const text = hits[0]?.document.text ?? 'nothing'
    console.log(`  ${text.startsWith(answer) ? '✔' : ' '} ${who.padEnd(11)} ${text.slice(0, 80)}…`)
  }
  const routed = await fish.retrieve(question, { topK: 1 })
  const { decision, experts, confidence } = routed.route
  console.log(`\n${question}`)
  console.log(`  → ${experts.map((expert) => expert.name).join(' + ')} (${decision}, confidence ${confidence.toFixed(2)})`)
  show('routed', routed)
  // The two side by side, by their vectors alone; as routed, BM25 has a say as well.
  for (const expert of ['general', name]) show(expert, await fish.retrieve(question, { topK: 1, expert, lexicalWeight: 0 }))
}

await fish.close()
if (process.argv[2] === undefined) await rm(directory, { recursive: true })
else console.log(`\nThe pack stays in ${directory}: pilotfish route 'my bees have left' --pack ${directory}`)
