import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { graphBuilder, model, node, valueInfo } from '../../src/onnx/builder.ts'
import { writeOnnx } from '../../src/onnx/protobuf.ts'
import { random } from '../../src/train/random.ts'

/** One token each; the first three are special. */
export const words = ['<unk>', '<s>', '</s>', 'the', 'cat', 'dog', 'sat', 'ran', 'home', 'far', 'red', 'blue', '.'] as const

/** How much each token that was read raises the logit of each word: its own most, so a model that repeats what it read. */
export const table: readonly (readonly number[])[] = words.map((_, from) => {
  const generator = random(7, from)
  return words.map((_, to) => Math.fround(generator.normal() / 4 + (from === to && from > 2 ? 1.5 : 0)))
})

/** The logits after some tokens: the sum of their rows. */
export function logitsAfter(ids: readonly number[]): number[] {
  return words.map((_, to) => ids.reduce((sum, from) => sum + table[from]![to]!, 0))
}

/** log P(id | tokens before), from the definition. */
export function logProbability(before: readonly number[], id: number): number {
  const logits = logitsAfter(before)
  return logits[id]! - Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0))
}

/** What the tokenizer makes of a text, without special tokens. */
export function idsOf(text: string): number[] {
  return text
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => Math.max(0, words.indexOf(word as (typeof words)[number])))
}

/** The sum over an answer's tokens after a prompt, with the token that begins texts. */
export function expectedLikelihood(prompt: string, answer: string): number {
  const before = [1, ...idsOf(prompt)]
  let sum = 0
  for (const id of idsOf(answer)) {
    sum += logProbability(before, id)
    before.push(id)
  }
  return sum
}

export interface TinyOptions {
  /** Tokens it reads. @default 64 */
  readonly window?: number
  /** Gives and takes what it has read, as models with attention do. @default true */
  readonly cache?: boolean
  /** Special tokens that its files name. @default both */
  readonly bos?: boolean
  readonly eos?: boolean
  /** Words that the model knows, where that is not what its tokenizer knows. */
  readonly vocabulary?: number
  /** Word after which the model gives no numbers. */
  readonly poison?: string
}

/** Writes a language model whose likelihoods can be computed by hand; gone after the test. */
export function tinyLanguageModel(options: TinyOptions = {}): string {
  const { window = 64, cache = true, bos = true, eos = true, vocabulary = words.length, poison } = options
  const directory = mkdtempSync(join(tmpdir(), 'pilotfish-lm-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const json = (name: string, value: object): void => writeFileSync(join(directory, name), JSON.stringify(value))
  mkdirSync(join(directory, 'onnx'))
  writeFileSync(join(directory, 'onnx', 'model.onnx'), graphOf(vocabulary, cache, poison))
  json('config.json', {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    hidden_size: vocabulary,
    num_hidden_layers: 1,
    num_attention_heads: 1,
    num_key_value_heads: 1,
    head_dim: vocabulary,
    vocab_size: vocabulary,
    max_position_embeddings: window,
    ...(bos && { bos_token_id: 1 }),
    ...(eos && { eos_token_id: 2 }),
  })
  const special = (id: number) => ({
    id,
    content: words[id],
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })
  json('tokenizer.json', {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [special(0), special(1), special(2)],
    normalizer: null,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: bos
      ? {
          type: 'TemplateProcessing',
          single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
          pair: [
            { SpecialToken: { id: '<s>', type_id: 0 } },
            { Sequence: { id: 'A', type_id: 0 } },
            { SpecialToken: { id: '</s>', type_id: 0 } },
            { Sequence: { id: 'B', type_id: 1 } },
          ],
          special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] }, '</s>': { id: '</s>', ids: [2], tokens: ['</s>'] } },
        }
      : null,
    decoder: null,
    model: { type: 'WordLevel', vocab: Object.fromEntries(words.map((word, id) => [word, id])), unk_token: '<unk>' },
  })
  json('tokenizer_config.json', {
    tokenizer_class: 'PreTrainedTokenizerFast',
    unk_token: '<unk>',
    ...(bos && { bos_token: '<s>' }),
    ...(eos && { eos_token: '</s>', pad_token: '</s>' }),
  })
  return directory
}

/** Adds up the rows of what was read. */
function graphOf(vocabulary: number, cache: boolean, poison: string | undefined): Uint8Array {
  const { nodes, constants, constant, integers, node: add } = graphBuilder('t_')
  const values = Float32Array.from({ length: vocabulary * vocabulary }, (_, at) => {
    const from = Math.floor(at / vocabulary)
    return words[from] === poison ? Number.NaN : table[from]![at % vocabulary]!
  })
  const read = add('Gather', [constant(values, [vocabulary, vocabulary]), 'input_ids'])
  const axis = constant(BigInt64Array.of(1n), [])
  const sums = add('CumSum', [read, axis])
  const inputs = [valueInfo('input_ids', 'int64', ['batch', 'tokens']), valueInfo('attention_mask', 'int64', ['batch', 'all'])]
  const outputs = [valueInfo('logits', 'float32', ['batch', 'tokens', vocabulary])]
  if (!cache) {
    nodes.push(node('Identity', [sums], ['logits']))
    return writeOnnx(model({ nodes, constants }, inputs, outputs))
  }
  const past = add('ReduceSum', ['past_key_values.0.key', integers(2)], { attributes: { keepdims: 0 } })
  nodes.push(node('Add', [sums, past], ['logits']))
  const own = add('Unsqueeze', [read, integers(1)])
  nodes.push(node('Concat', ['past_key_values.0.key', own], ['present.0.key'], { attributes: { axis: 2 } }))
  return writeOnnx(
    model(
      { nodes, constants },
      [...inputs, valueInfo('past_key_values.0.key', 'float32', ['batch_size', 1, 'past', vocabulary])],
      [...outputs, valueInfo('present.0.key', 'float32', ['batch_size', 1, 'all', vocabulary])],
    ),
  )
}
