import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { graphBuilder, model, node, valueInfo } from '../../src/onnx/builder.ts'
import { writeOnnx } from '../../src/onnx/protobuf.ts'
import { tinyLanguageModel, words } from '../language-model/tiny-language-model.ts'

/** What each word adds to a pair's score: nothing for special ones. In the second text it counts ten times. */
export const weights = words.map((_, id) => (id < 3 ? 0 : id / 8))

/** Writes a classifier of text pairs: the sum of what its words add; with two classes, the second one is that. Gone after the test. */
export function tinyCrossEncoder(classes: 1 | 2 = 1, window = 64): string {
  const directory = tinyLanguageModel({ window })
  const { nodes, constants, constant, integers, scalar, node: add } = graphBuilder('c_')
  const table = constant(Float32Array.from(weights.flatMap((weight) => (classes === 1 ? [weight] : [-1, weight]))), [words.length, classes])
  const float = (name: string): string => add('Unsqueeze', [add('Cast', [name], { attributes: { to: 1 } }), integers(2)])
  const scale = add('Add', [add('Mul', [float('token_type_ids'), scalar(9)]), scalar(1)])
  const masked = add('Mul', [add('Mul', [add('Gather', [table, 'input_ids']), scale]), float('attention_mask')])
  nodes.push(node('ReduceSum', [masked, integers(1)], ['logits'], { attributes: { keepdims: 0 } }))
  const inputs = ['input_ids', 'attention_mask', 'token_type_ids'].map((name) => valueInfo(name, 'int64', ['batch', 'tokens']))
  writeFileSync(
    join(directory, 'onnx', 'model.onnx'),
    writeOnnx(model({ nodes, constants }, inputs, [valueInfo('logits', 'float32', ['batch', classes])])),
  )
  writeFileSync(
    join(directory, 'config.json'),
    JSON.stringify({
      model_type: 'bert',
      architectures: ['BertForSequenceClassification'],
      vocab_size: words.length,
      max_position_embeddings: window,
      num_labels: classes,
    }),
  )
  return directory
}
