/**
 * Does a collection answer the same through LangChain and LlamaIndex as through the engine, and what do the frameworks cost?
 *
 *     npm run bench -- frameworks [--json FILE] --index DIR --data BEIR_DIR… [--queries 100]
 *
 * The index is one made by `pilotfish add` from those directories (ids are `<set>/<id>`). Asks the first test queries of
 * every set each way, interleaved, and prints nDCG@10 and the median time of a question as a ratio to the engine's.
 */
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { extractText } from '@llamaindex/core/utils'
import { openPilotfish } from 'pilotfish'
import { evaluate, readBeir, type RunHit } from 'pilotfish/eval'
import { PilotfishRetriever as LangChainRetriever } from 'pilotfish/langchain'
import { PilotfishRetriever as LlamaIndexRetriever } from 'pilotfish/llamaindex'
import { median } from './harness/interleaved.ts'
import { commit, machine, report } from './harness/report.ts'

const { values } = parseArgs({
  options: { index: { type: 'string' }, data: { type: 'string', multiple: true }, queries: { type: 'string', default: '100' } },
})
if (!values.index || !values.data) throw new Error('Give --index DIR and --data BEIR_DIR, the latter once for each set.')

const engine = await openPilotfish({ directory: values.index, readOnly: true })
const k = 10
const langchain = new LangChainRetriever({ engine, k, withScores: true })
const llamaindex = new LlamaIndexRetriever({ engine, topK: k })

type Way = (question: string) => Promise<RunHit[]>
const ways: Record<string, Way> = {
  engine: async (question) =>
    (await engine.retrieve(question, { topK: k })).hits.map(({ document, score }) => ({ id: document.id, score })),
  langchain: async (question) =>
    (await langchain.invoke(question)).map(({ id, metadata }) => ({ id: id!, score: (metadata.pilotfish as { score: number }).score })),
  llamaindex: async (question) =>
    (await llamaindex.retrieve({ query: extractText(question) })).map(({ node, score }) => ({ id: node.id_, score: score! })),
}

const names = Object.keys(ways)
const times = new Map(names.map((name) => [name, [] as number[]]))
console.log(`${machine()}, commit ${commit()}; index ${(await engine.info()).documents} documents\n`)
console.log(['set', 'queries', ...names.map((name) => `${name} nDCG@10`)].join('\t'))

for (const directory of values.data) {
  const set = await readBeir(directory)
  const qrels = new Map([...(await set.qrels('test'))].slice(0, Number(values.queries)))
  const runs = new Map(names.map((name) => [name, new Map<string, RunHit[]>()]))
  for (const [turn, query] of [...qrels.keys()].entries()) {
    // Who asks first finds cold caches: everybody is first equally often.
    for (const i of names.keys()) {
      const name = names[(i + turn) % names.length]!
      const start = performance.now()
      const hits = await ways[name]!(set.queries.get(query)!)
      times.get(name)!.push(performance.now() - start)
      runs.get(name)!.set(
        query,
        // Another set's document is never relevant; its own id may equal one of this set, so the prefix stays on.
        hits.map(({ id, score }) => ({ id: id.startsWith(`${set.name}/`) ? id.slice(set.name.length + 1) : `other ${id}`, score })),
      )
    }
  }
  const scores = names.map((name) => (100 * evaluate(qrels, runs.get(name)!, ['ndcg@10']).mean['ndcg@10']).toFixed(2))
  console.log([set.name, qrels.size, ...scores].join('\t'))
}

const base = median(times.get('engine')!)
console.log(`\nmedian time of a question, as a ratio to the engine's (${base.toFixed(2)} ms):`)
const ratios = Object.fromEntries(names.map((name) => [name, median(times.get(name)!) / base]))
for (const [name, ratio] of Object.entries(ratios)) console.log(`${name}\t${ratio.toFixed(2)}`)
await engine.close()
report({ ratios, figures: { queries: Number(values.queries), engineMilliseconds: base } })
