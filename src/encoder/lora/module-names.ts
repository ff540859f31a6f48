import type { Product } from './products.ts'

/** A layer's path without what wraps the encoder: `0.auto_model.encoder.layer.0.output.dense` is `encoder.layer.0.output.dense`. */
export function modulePath(name: string): string {
  return /(?:^|\.)((?:(?:encoder|transformer)\.(?:layers?|blocks?)\.\d+|pooler)\..+)$/.exec(name)?.[1] ?? name
}

/**
 * Which layer of the PyTorch model each product is: by the name of its bias, which exporters keep, else of its weight, else of its
 * node. Exporters store equal tensors once, so a name that several products share tells of none of them, unless nothing else does.
 * `undefined` for products that have no name.
 */
export function moduleNames(products: readonly Product[]): (string | undefined)[] {
  const candidates = products.map(({ bias, weight, node, part }) =>
    part ? [] : [...bias.map(fromBias), ...weight.names.map(fromWeight), fromNode(node.name)].filter((name) => name !== undefined),
  )
  const uses = new Map<string, number>()
  for (const name of candidates.flatMap((names) => [...new Set(names)])) uses.set(name, (uses.get(name) ?? 0) + 1)
  const taken = new Set<string>()
  const names = candidates.map((list) => {
    const own = list.find((name) => uses.get(name) === 1) ?? list.at(-1)
    return own !== undefined && !taken.has(own) && taken.add(own) ? own : undefined
  })
  const attentions = [...new Set(products.filter(({ part }) => part).map(({ node }) => node))]
  return products.map(({ part, node }, i) => (part ? attentionPath(names, attentions.indexOf(node), part) : names[i]))
}

function fromBias(name: string): string | undefined {
  return /^(.+\..+)\.bias$/.exec(name)?.[1]
}

/** Quantisers and exporters put endings of their own behind a weight's name. */
function fromWeight(name: string): string | undefined {
  return /^(.+\..+)\.weight(?:_quantized|_q|_s8|_Q\d|_transposed|_t|\.T)?$/.exec(name)?.[1]
}

/** Exporters that trace the modules write their paths into the nodes: `/encoder/layer.0/output/dense/MatMul_quant`. */
function fromNode(name: string): string | undefined {
  const parts = name.split('/').filter((part) => part !== '')
  return name.includes('/') && parts.length > 2 ? parts.slice(0, -1).join('.') : undefined
}

/** Nothing in a merged attention names its layers; those around it tell what family the encoder is of. */
function attentionPath(names: readonly (string | undefined)[], layer: number, part: 'query' | 'key' | 'value'): string {
  const has = (text: string): boolean => names.some((name) => name?.includes(text))
  if (has('transformer.layer.')) return `transformer.layer.${layer}.attention.${part[0]}_lin`
  return `encoder.layer.${layer}.attention.${has('attention.attn.') ? `attn.${part[0]}` : `self.${part}`}`
}
