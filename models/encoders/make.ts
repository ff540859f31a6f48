/**
 * Writes a text encoder with random weights, for tests and benchmarks where no pretrained one can be had:
 * `npm run make:encoder -- --shape minilm-l6 --out DIR [--style STYLE] [--int8] [--seed 1] [--layers N] [--vocabulary N] [--tanh]`.
 */
import { parseArgs } from 'node:util'
import { PilotfishError } from '../../src/errors.ts'
import { writeEncoder } from './files.ts'
import { shapes, type ShapeName } from './shapes.ts'
import { styles, type StyleName } from './styles.ts'

const usage = `npm run make:encoder -- --shape SHAPE --out DIR

  --shape       ${Object.keys(shapes).join(', ')}
  --out         where the model's files go
  --style       ${Object.keys(styles).join(', ')} (default torchscript)
  --int8        also onnx/model_int8.onnx, for \`dtype: 'int8'\`
  --seed        whole number the weights depend on (default 1)
  --layers      instead of the shape's
  --vocabulary  tokens, instead of the shape's
  --tanh        GELU by tanh`

function main(): void {
  const { values: given } = parseArgs({
    options: {
      shape: { type: 'string' },
      out: { type: 'string' },
      style: { type: 'string', default: 'torchscript' },
      int8: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      layers: { type: 'string' },
      vocabulary: { type: 'string' },
      tanh: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (given.help) return console.log(usage)
  if (given.shape === undefined || given.out === undefined) throw new Error('--shape and --out are needed.')

  const sizes = writeEncoder(given.out, given.shape as ShapeName, {
    style: given.style as StyleName,
    int8: given.int8,
    seed: wholeNumber('seed', given.seed, 0),
    ...(given.layers !== undefined && { layers: wholeNumber('layers', given.layers, 1) }),
    ...(given.vocabulary !== undefined && { vocabularySize: wholeNumber('vocabulary', given.vocabulary, 1) }),
    ...(given.tanh && { activation: 'gelu_tanh' }),
  })
  console.log(`${given.shape}, random weights of seed ${given.seed}, as ${given.style} exports it: ${given.out}`)
  for (const [name, size] of sizes) if (name.endsWith('.onnx')) console.log(`  ${name}  ${(size / 1e6).toFixed(1)} MB`)
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least) return value
  throw new Error(`--${name} is "${text}", not a whole number of at least ${least}.`)
}

try {
  main()
} catch (error) {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  const expected =
    PilotfishError.is(error) || code.startsWith('ERR_PARSE_ARGS') || (error instanceof Error && error.message.startsWith('--'))
  console.error(expected || code !== '' ? `${(error as Error).message}\n\n${usage}` : error)
  process.exitCode = 1
}
