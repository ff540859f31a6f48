/**
 * A terminal chat over the demo's documents: Pilotfish finds the passages, a LlamaIndex chat engine puts them before a
 * model, if one is configured. Start at the bottom, then read `answer.ts`.
 *
 *   npm run example:chatbot-llamaindex                              # type questions
 *   npm run example:chatbot-llamaindex -- --once "your question"    # ask one
 *   cat questions.txt | npm run -s example:chatbot-llamaindex       # ask one a line
 */
import { openPilotfish } from 'pilotfish'
import { demoCorpus } from '../chatbot-shared/corpus.ts'
import { modelFromEnvironment } from '../chatbot-shared/model.ts'
import { chat, readArguments } from '../chatbot-shared/terminal.ts'
import { answerWith } from './answer.ts'

const usage = `Usage: npm run example:chatbot-llamaindex -- [--once "question"]

Answers from the demo's documents. Questions are typed, or piped in, one a line.
With OPENAI_API_KEY, or OPENAI_BASE_URL and OPENAI_MODEL, a model writes the answers;
without them the closest sentences are quoted.`

async function main(): Promise<number> {
  const { once, help } = readArguments()
  if (help) {
    process.stdout.write(`${usage}\n`)
    return 0
  }
  const model = modelFromEnvironment()

  // No options: the bundled experts, and an index in memory. With { directory: './knowledge' } it would stay.
  const engine = await openPilotfish()
  try {
    // Documents of LlamaIndex's readers go in through a PilotfishVectorStore instead; the retriever finds both alike.
    const { added } = await engine.add(await demoCorpus())
    const greeting = `${added} documents, ${model ? `answers by ${model.name}` : 'no model configured: answers are quotations'}. /new forgets, /exit leaves.`
    const failures = await chat(answerWith(engine, model), { greeting, ...(once !== undefined && { once }) })
    return failures === 0 ? 0 : 1
  } finally {
    await engine.close()
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}
