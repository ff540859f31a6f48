/**
 * What does opening a collection cost, next to building it?
 *
 *     npm run bench -- open [--json FILE] [--data DIR…] [--documents 50000] [--processes 5]
 *
 * With the bundled base, whose embedding is cheapest, so that the share is at its worst. Building ends when the graph is complete and saved;
 * opening, in fresh processes, when the first question is answered.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startContender } from './harness/contender.ts'
import { readCorpus } from './harness/corpus.ts'
import { report } from './harness/report.ts'
import { spread } from './harness/statistics.ts'
import { table } from './harness/table.ts'

const { values } = parseArgs({
  options: {
    data: { type: 'string', multiple: true },
    documents: { type: 'string', default: '50000' },
    processes: { type: 'string', default: '5' },
  },
})
const corpus = await readCorpus(values.data)
const documents = corpus.documents.slice(0, Number(values.documents))
const question = corpus.queries[0]!.text
const directory = await mkdtemp(join(tmpdir(), 'pilotfish-bench-open-'))
const file = new URL('./contenders/index-on-disk.ts', import.meta.url)

const builder = await startContender(file)
const built = await builder.ask<{ add: number; graph: number; close: number }>('build', { directory, documents })
await builder.close()
const opened: { open: number; first: number; second: number }[] = []
for (let i = 0; i < Number(values.processes); i++) {
  const opener = await startContender(file)
  opened.push(await opener.ask('start', { directory, question }))
  await opener.close()
}
const sizes = await Promise.all((await readdir(directory)).map(async (name) => [name, (await stat(join(directory, name))).size] as const))
await rm(directory, { recursive: true })

const total = built.add + built.graph + built.close
const [open, first, second] = (['open', 'first', 'second'] as const).map((part) => spread(opened.map((each) => each[part]))) as [
  ReturnType<typeof spread>,
  ReturnType<typeof spread>,
  ReturnType<typeof spread>,
]
const answering = spread(opened.map(({ open, first }) => open + first))
report({
  ratios: { 'vs-build': answering.median / total },
  figures: {
    documents: documents.length,
    buildMilliseconds: built,
    openMilliseconds: { open, first, second },
    bytes: Object.fromEntries(sizes),
  },
  data: `${documents.length} of ${corpus.source}, bundled base and experts; ${opened.length} fresh processes`,
  tables: [
    table(
      ['ms', 'median', 'share of building'],
      [
        ['build: documents added', built.add, ''],
        ['build: graph completed after that', built.graph, ''],
        ['build: closed', built.close, ''],
        ...(
          [
            ['open', open],
            ['open: first question answered', first],
            ['open, with the first question', answering],
            ['open: another question', second],
          ] as const
        ).map(([name, { median }]) => [name, median, `${((100 * median) / total).toFixed(2)} %`]),
      ],
    ),
  ],
})
