import { InvalidModelError } from '../../errors.ts'
import type { Activation, EncoderShape } from './shape.ts'

/** An encoder that a graph can be written for. */
export interface KnownEncoder {
  readonly shape: EncoderShape
  readonly activation: Activation
}

/** Goes up when the same weights give another graph, so that files of older ones are not taken for it. */
export const graphVersion = 1

/** How the .onnx file of an encoder is made of its weights. */
export interface Building extends KnownEncoder {
  /** Where the safetensors files lie. */
  readonly directory: string
}

type Config = Readonly<Record<string, unknown>>

const families: Readonly<Record<string, EncoderShape['family']>> = {
  bert: 'bert',
  camembert: 'roberta',
  distilbert: 'distilbert',
  mpnet: 'mpnet',
  roberta: 'roberta',
  'xlm-roberta': 'roberta',
}
/** `model_type` of the architectures that graphs are written for. */
export const knownTypes: readonly string[] = Object.keys(families)

/** By the names transformers has for them; those by tanh differ in how they round only. */
const activations: Readonly<Record<string, Activation>> = {
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  relu: 'relu',
}

/**
 * The encoder that a `config.json` describes; or, as a text to put after "are of", what it describes instead.
 * @throws InvalidModelError for sides that are missing or do not fit
 */
export function knownEncoder(config: Config, path: string): KnownEncoder | string {
  const modelType = String(config.model_type ?? 'unknown')
  const family = Object.hasOwn(families, modelType) ? families[modelType]! : undefined
  const named = Array.isArray(config.architectures) ? `"${modelType}" (${config.architectures.join(', ')})` : `"${modelType}"`
  if (!family) return `the architecture ${named}`
  const own = (config.auto_map ?? {}) as Config
  if (own.AutoModel !== undefined) return `the architecture ${named} with code of its own`
  const places = config.position_embedding_type ?? 'absolute'
  if (places !== 'absolute') return `the architecture ${named} with "${String(places)}" positions`
  if (config.is_decoder === true) return `the architecture ${named} as a decoder`
  const name = String((family === 'distilbert' ? config.activation : config.hidden_act) ?? 'gelu')
  const activation = Object.hasOwn(activations, name) ? activations[name] : undefined
  if (!activation) return `the architecture ${named} with the activation "${name}"`
  return { shape: { family, modelType, ...sidesOf(config, family, path) }, activation }
}

function sidesOf(config: Config, family: EncoderShape['family'], path: string): Omit<EncoderShape, 'family' | 'modelType'> {
  const whole = (key: string, least = 1): number => {
    const value = config[key]
    if (Number.isSafeInteger(value) && (value as number) >= least) return value as number
    throw new InvalidModelError(path, `has ${value === undefined ? 'no' : `${JSON.stringify(value)} for`} "${key}"`)
  }
  const orElse = (key: string, least: number, otherwise: number): number => (config[key] == null ? otherwise : whole(key, least))
  const isDistilled = family === 'distilbert'
  const [width, heads] = [whole(isDistilled ? 'dim' : 'hidden_size'), whole(isDistilled ? 'n_heads' : 'num_attention_heads')]
  if (width % heads !== 0) throw new InvalidModelError(path, `has ${heads} attention heads, which do not divide its width of ${width}`)
  const epsilon = isDistilled ? 1e-12 : (config.layer_norm_eps ?? 1e-12)
  if (!(typeof epsilon === 'number' && epsilon >= 0 && Number.isFinite(epsilon)))
    throw new InvalidModelError(path, `has ${JSON.stringify(epsilon)} for "layer_norm_eps"`)
  return {
    layers: whole(isDistilled ? 'n_layers' : 'num_hidden_layers'),
    width,
    heads,
    inner: whole(isDistilled ? 'hidden_dim' : 'intermediate_size'),
    vocabularySize: whole('vocab_size'),
    positions: whole('max_position_embeddings'),
    types: family === 'bert' || family === 'roberta' ? orElse('type_vocab_size', 1, 2) : 0,
    // MPNet's code has it fixed, whatever its settings say.
    padId: family === 'mpnet' ? 1 : orElse('pad_token_id', 0, family === 'roberta' ? 1 : 0),
    epsilon,
  }
}
