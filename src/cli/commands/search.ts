import type { Command } from 'commander'
import type { Filter, RetrieveOptions } from '../../index.ts'
import { palette } from '../display/colour.ts'
import { hitLines, lineWidth } from '../display/hits.ts'
import { routeLines } from '../display/route.ts'
import type { Environment, ExitCode } from '../environment.ts'
import { openToRead } from '../open-index.ts'
import { command, filterJson, indexOption, jsonOption, numberBetween, packOption, wholeNumber } from '../options.ts'

interface SearchOptions {
  readonly index: string
  readonly pack?: string
  readonly topK: number
  readonly expert?: string
  readonly task?: string
  readonly filter?: Filter
  readonly minSimilarity?: number
  readonly lexicalWeight?: number
  readonly json?: boolean
}

export function searchCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  return command('search', 'Ask an index a question, and see which expert answered and why.', [
    "pilotfish search 'how much ibuprofen for a toddler?' --index ./knowledge",
    "pilotfish search 'undo the last commit' --index ./knowledge --expert shell --top-k 3",
    "pilotfish search 'book a table for two' --index ./tools --pack ./my-pack --task tool",
    "pilotfish search 'refund' --index ./knowledge --filter '{\"year\": {\"$gte\": 2024}}' --json | jq '.hits[].id'",
  ])
    .argument('<question>')
    .addOption(indexOption())
    .addOption(packOption())
    .option('-k, --top-k <hits>', 'how many hits', wholeNumber(0, 100_000), 10)
    .option('--expert <name>', 'ask this expert instead of routing (see: pilotfish experts)')
    .option('--task <name>', 'ask only experts that are bound to this task')
    .option('--filter <json>', 'only documents whose metadata match', filterJson)
    .option('--min-similarity <cosine>', 'leave out hits that are less similar, from -1 to 1', numberBetween(-1, 1))
    .option('--lexical-weight <share>', "BM25's share of the score, from 0 to 1 (default: what the route says)", numberBetween(0, 1))
    .addOption(jsonOption())
    .action(async (question: string, options: SearchOptions) => end(await search(question, options, environment)))
}

async function search(question: string, options: SearchOptions, environment: Environment): Promise<ExitCode> {
  const { index, pack, json, ...retrieveOptions } = options
  const engine = await openToRead(environment, index, pack)
  try {
    const { query, hits, route, timings, truncated } = await engine.retrieve(question, pick(retrieveOptions))
    if (json) {
      const flat = hits.map(({ document, ...scores }) => ({
        id: document.id,
        ...scores,
        title: document.title,
        text: document.text,
        metadata: document.metadata,
      }))
      environment.stdout.write(`${JSON.stringify({ query, route, hits: flat, timings, truncated }, undefined, 2)}\n`)
      return 0
    }
    const colours = palette(environment.stdout, environment.variables)
    const times = `embedded in ${timings.embed.toFixed(1)} ms · routed in ${timings.route.toFixed(1)} ms · searched in ${timings.search.toFixed(1)} ms`
    const found = hits.length === 0 ? ['  nothing found'] : hitLines(hits, lineWidth(environment.stdout.columns), colours)
    environment.stdout.write(`${[...routeLines(route, colours), colours.dim(`  ${times}`), '', ...found].join('\n')}\n`)
    return 0
  } finally {
    await engine.close()
  }
}

function pick({ topK, expert, task, filter, minSimilarity, lexicalWeight }: RetrieveOptions): RetrieveOptions {
  return {
    ...(topK !== undefined && { topK }),
    ...(expert !== undefined && { expert }),
    ...(task !== undefined && { task }),
    ...(filter && { filter }),
    ...(minSimilarity !== undefined && { minSimilarity }),
    ...(lexicalWeight !== undefined && { lexicalWeight }),
  }
}
