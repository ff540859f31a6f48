import { parseArgs } from 'node:util'
import type { LoraWeights } from 'pilotfish'

/** What is compared, from the command line. */
export interface Setting {
  readonly experts: number
  readonly rank: number
  /** Which layers the experts change: those PEFT takes for BERT, or all of the blocks. */
  readonly targets: 'query,value' | 'all-linear'
  readonly dtype: 'fp32' | 'int8'
  readonly rounds: number
  readonly queries: readonly string[]
}

/** The arguments that give the same setting to another process, and the setting. */
export function settingOf(args: readonly string[]): Setting {
  const { values } = parseArgs({
    args: [...args],
    options: {
      experts: { type: 'string', default: '8' },
      rank: { type: 'string', default: '8' },
      targets: { type: 'string', default: 'query,value' },
      dtype: { type: 'string', default: 'fp32' },
      rounds: { type: 'string', default: '40' },
    },
  })
  return {
    experts: Number(values.experts),
    rank: Number(values.rank),
    targets: values.targets as Setting['targets'],
    dtype: values.dtype as Setting['dtype'],
    rounds: Number(values.rounds),
    queries: Array.from({ length: 32 }, (_, i) => question(i)),
  }
}

const words = 'what is the law of payment for a loan at my bank and how can people find code to process text in a table by file'.split(' ')

/** 13 words, each one token of the random encoders. */
function question(i: number): string {
  return Array.from({ length: 13 }, (_, k) => words[(i * 5 + k * (1 + (i % 4))) % words.length]).join(' ')
}

/** Random weights for a MiniLM-L6, the same for the same number. */
export function weights(number: number, { rank, targets }: Setting): LoraWeights {
  let state = number * 7_919 + 1
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state / 2 ** 32 - 0.5) / 10
  }
  const [width, inner] = [384, 1_536]
  const parts: [string, number, number][] = [
    ['attention.self.query', width, width],
    ['attention.self.value', width, width],
  ]
  if (targets === 'all-linear') {
    parts.push(['attention.self.key', width, width], ['attention.output.dense', width, width])
    parts.push(['intermediate.dense', width, inner], ['output.dense', inner, width])
  }
  const modules = Array.from({ length: 6 }, (_, layer) =>
    parts.map(([part, inputs, outputs]) => ({
      module: `encoder.layer.${layer}.${part}`,
      rank,
      inputs,
      outputs,
      a: Float32Array.from({ length: rank * inputs }, random),
      b: Float32Array.from({ length: outputs * rank }, random),
    })),
  )
  return { scaling: 2, modules: modules.flat() }
}
