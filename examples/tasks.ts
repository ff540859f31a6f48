/**
 * Retrieve for a language model: the tool it should call, and what was said before.
 *
 *   npm run example:tasks
 *
 * A chatbot looks for different things with the same words. "Book us a table for tonight" should find the function that books tables, and
 * also the evening when the user said what they cannot eat. LLM-Embedder calls such needs tasks and puts an instruction of the task before
 * every text. Here an expert is made for each of two tasks, from the bundled encoder, and every question says which one it is for.
 */
import { join } from 'node:path'
import {
  bundledPack,
  dialogueKey,
  dialogueQuery,
  dialogueTurns,
  functionTool,
  openPilotfish,
  staticEncoder,
  taskEncoders,
  toolKey,
  type RetrievalTask,
} from 'pilotfish'

const fish = await openPilotfish()

// Any encoder will do: one that was trained with the instructions makes the most of them (`llmEmbedder('tool')`, or a LoRA expert of your
// own). This one is there without a download.
const base = await staticEncoder(join(bundledPack(), 'base'))
for (const task of ['tool', 'chat'] satisfies RetrievalTask[]) {
  const { query, key } = taskEncoders(base, task)
  await fish.experts.add({ kind: 'instruction', name: `${task}-expert`, task, queryEncoder: query, documentEncoder: key })
}

// Tools, declared as the chat APIs want them. `toolKey` writes each as the models have seen tools in training.
const functions = [
  {
    name: 'reserve_table',
    description: 'Book a table at a restaurant',
    parameters: {
      type: 'object',
      properties: { restaurant: { type: 'string' }, time: { type: 'string' }, people: { type: 'integer', default: 2 } },
      required: ['restaurant', 'time'],
    },
  },
  {
    name: 'weather',
    description: 'Forecast of temperature and rain for a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
  {
    name: 'transfer',
    description: 'Send money from one bank account to another',
    parameters: { type: 'object', properties: { amount: { type: 'number' }, currency: { enum: ['EUR', 'USD'] } }, required: ['amount'] },
  },
]
await fish.add(functions.map((each) => ({ id: each.name, text: toolKey(functionTool(each)), metadata: { kind: 'tool' } })))

// What was said before, turn by turn.
const past = [
  { role: 'user', content: 'We went to a seafood restaurant for my birthday. I am allergic to shrimp, so it was a short dinner.' },
  { role: 'assistant', content: 'Oh no! I will keep your allergy in mind for the next table.' },
  { role: 'user', content: 'My laptop does not start any more.' },
  { role: 'assistant', content: 'Hold the power button for ten seconds and try again.' },
  { role: 'user', content: 'My daughter has begun to play the cello.' },
  { role: 'assistant', content: 'Lovely! Does she like it?' },
]
await fish.add(dialogueTurns(past).map((turn, i) => ({ id: `turn-${i + 1}`, text: dialogueKey(turn), metadata: { kind: 'turn' } })))

const utterance = 'Book us a table at a nice restaurant for dinner tonight'

const tools = await fish.retrieve(utterance, { task: 'tool', filter: { kind: 'tool' }, topK: 1 })
console.log('tool:  ', tools.hits[0]?.document.id, `(asked: ${tools.route.experts[0]?.name})`)

const memories = await fish.retrieve(dialogueQuery(utterance), { task: 'chat', filter: { kind: 'turn' }, topK: 1 })
console.log('memory:', memories.hits[0]?.document.text.split('\n')[0], `(asked: ${memories.route.experts[0]?.name})`)

// A task that nobody is bound to is an error that names the others.
await fish.retrieve(utterance, { task: 'icl' }).catch((error: Error) => console.log('icl:   ', error.message))

await fish.close()
