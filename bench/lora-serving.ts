/**
 * What do eight LoRA experts cost next to the model they change, in memory and in time?
 *
 *     npm run bench -- lora-serving [--json FILE] [--targets query,value|all-linear] [--rank 8] [--experts 8] [--dtype fp32|int8]
 *                                   [--rounds 40] [--processes 3]
 *
 * The model has the shape of MiniLM-L6 and random weights. `memory` is the peak of a fresh process that serves 32 queries, four of each expert,
 * against one that has the base alone; `batch` is the time of those 32 queries in one call each way, in turn. The second table tells what
 * single queries cost, and the base itself beside its experts.
 */
import { loadavg } from 'node:os'
import { loraEncoder, onnxEncoder } from 'pilotfish'
import { randomEncoder } from './harness/encoder.ts'
import { inFreshProcess } from './harness/fresh-process.ts'
import { interleaved, median } from './harness/interleaved.ts'
import { commit, machine, report } from './harness/report.ts'
import { settingOf, weights } from './lora-serving/setting.ts'

const args = process.argv.slice(2)
const at = args.indexOf('--processes')
const processes = at < 0 ? 3 : Number(args.splice(at, 2)[1])
const setting = settingOf(args)
const { queries, dtype, rounds, experts: count } = setting
console.log(`${machine()}, commit ${commit()}, load ${loadavg()[0]!.toFixed(1)}`)
console.log(`MiniLM-L6 shape, random weights, ${dtype}; ${count} experts of rank ${setting.rank} on ${setting.targets}; ${rounds} rounds\n`)

randomEncoder('minilm-l6')
const peaks: Record<'base' | 'experts', number[]> = { base: [], experts: [] }
for (let i = 0; i < processes; i++) {
  for (const who of ['base', 'experts'] as const) {
    const { megabytes } = await inFreshProcess<{ megabytes: number }>(
      new URL('./lora-serving/peak-memory.ts', import.meta.url),
      who,
      ...args,
    )
    peaks[who].push(megabytes)
  }
}
const peak = { base: median(peaks.base), experts: median(peaks.experts) }

// Two copies: experts change the session of the base they were opened on.
const alone = await onnxEncoder(randomEncoder('minilm-l6', { copy: 'copy' }), { dtype })
const base = await onnxEncoder(randomEncoder('minilm-l6'), { dtype })
const experts = await Promise.all(Array.from({ length: count }, (_, i) => loraEncoder(base, weights(i, setting))))
// In pairs, so that each follows the other's session with its own memory.
const one = queries.slice(0, 1)
const batch = {
  experts: await interleaved(
    { base: () => alone.encode(queries), other: () => Promise.all(queries.map((query, i) => experts[i % count]!.encode([query]))) },
    { rounds },
  ),
  beside: await interleaved({ base: () => alone.encode(queries), other: () => base.encode(queries) }, { rounds }),
}
const single = {
  experts: await interleaved({ base: () => alone.encode(one), other: () => experts[0]!.encode(one) }, { rounds: 4 * rounds }),
  beside: await interleaved({ base: () => alone.encode(one), other: () => base.encode(one) }, { rounds: 4 * rounds }),
}
for (const encoder of [...experts, base, alone]) await encoder.close()

const ratio = ({ base, other }: { base: number; other: number }): number => other / base
const ratios = {
  memory: peak.experts / peak.base,
  batch: ratio(batch.experts),
  baseBesideExperts: ratio(batch.beside),
  query: ratio(single.experts),
  baseQueryBesideExperts: ratio(single.beside),
}
const row = (...cells: readonly (string | number)[]): string =>
  `| ${cells.map((cell) => (typeof cell === 'number' ? cell.toFixed(2) : cell)).join(' | ')} |`
console.log(row('', 'base alone', 'the other', 'ratio'))
console.log('| --- | ---: | ---: | ---: |')
console.log(row(`${count} experts: peak memory, MB`, peak.base, peak.experts, ratios.memory))
console.log(row(`${count} experts: 32 queries, ms`, batch.experts.base, batch.experts.other, ratios.batch))
console.log(row('base beside experts: 32 queries, ms', batch.beside.base, batch.beside.other, ratios.baseBesideExperts))
console.log(row('an expert: one query, ms', single.experts.base, single.experts.other, ratios.query))
console.log(row('base beside experts: one query, ms', single.beside.base, single.beside.other, ratios.baseQueryBesideExperts))
const { queries: _, ...told } = setting
report({ ratios, figures: { setting: told, load: loadavg()[0], megabytes: peaks, milliseconds: { batch, query: single } } })
