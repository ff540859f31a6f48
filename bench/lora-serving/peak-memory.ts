/** A process of its own that encodes the same queries by the base alone (`base`) or also by its experts, and prints its peak memory. */
import { loraEncoder, onnxEncoder } from 'pilotfish'
import { randomEncoder } from '../harness/encoder.ts'
import { settingOf, weights } from './setting.ts'

const [who, ...args] = process.argv.slice(2)
const setting = settingOf(args)
const { queries, dtype, rounds } = setting
const base = await onnxEncoder(randomEncoder('minilm-l6'), { dtype })
const experts = await Promise.all(
  Array.from({ length: who === 'base' ? 0 : setting.experts }, (_, i) => loraEncoder(base, weights(i, setting))),
)
for (let round = 0; round < rounds; round++) {
  if (experts.length === 0) await base.encode(queries)
  else await Promise.all(queries.map((query, i) => experts[i % experts.length]!.encode([query])))
}
for (const encoder of [...experts, base]) await encoder.close()
console.log(JSON.stringify({ megabytes: process.resourceUsage().maxRSS / 1024 }))
