import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidArgumentError, InvalidModelError, UnsupportedError } from '../../errors.ts'
import { optionalJson } from '../tokenizer.ts'

/** How token vectors become one: their mean, the first (`[CLS]`), the last, or the graph's own sentence output. */
export type Pooling = 'mean' | 'cls' | 'last' | 'sentence'

/** What a model's own files say about its use. `undefined`: they do not say. */
export interface ModelSettings {
  /** Where the tokenizer lies. */
  readonly folder: string
  readonly pooling: Pooling | undefined
  /** False: the prompt is read but left out of the mean. */
  readonly promptPooled: boolean
  /** The files list a `Normalize` module. */
  readonly normalized: boolean | undefined
  /** `cosine`, `dot`, `euclidean`, `manhattan`. */
  readonly similarity: string | undefined
  readonly prompts: Readonly<Record<string, string>>
  readonly defaultPrompt: string | undefined
  readonly lowercase: boolean
  /** Tokens the model was trained to read. */
  readonly maxTokens: number | undefined
  /** Positions the graph has; more tokens than that is a native error. */
  readonly positions: number | undefined
  readonly padId: number
  /** Model2Vec-type: unknown tokens are dropped before the graph. */
  readonly isStatic: boolean
  /** Modules that the graph's token output lacks, `Dense` for one. */
  readonly otherModules: readonly string[]
}

/** Reads sentence-transformers' files and `config.json`; all are optional. @throws InvalidModelError, UnsupportedError */
export async function readSettings(directory: string): Promise<ModelSettings> {
  const modules = Object.values(await optionalJson(join(directory, 'modules.json'))) as { type?: unknown; path?: unknown }[]
  // Names moved between packages over the years; the last part has stayed.
  const kinds = modules.map(({ type }) => String(type).split('.').at(-1)!)
  const pathOf = (kind: string): string | undefined => {
    const at = kinds.indexOf(kind)
    return at < 0 ? undefined : join(directory, String(modules[at]!.path ?? ''))
  }
  const transformer = pathOf('Transformer') ?? pathOf('StaticEmbedding') ?? directory
  const folder = (await exists(join(transformer, 'tokenizer.json'))) ? transformer : directory
  const poolingFolder = pathOf('Pooling')
  const [config, tokenizer, sentence, sentenceTransformers, pooling] = await Promise.all([
    optionalJson(join(directory, 'config.json')),
    optionalJson(join(folder, 'tokenizer_config.json')),
    optionalJson(join(transformer, 'sentence_bert_config.json')),
    optionalJson(join(directory, 'config_sentence_transformers.json')),
    poolingFolder === undefined ? ({} as Record<string, unknown>) : optionalJson(join(poolingFolder, 'config.json')),
  ])

  const positions = positionsOf(config)
  const limits = [sentence.max_seq_length, tokenizer.model_max_length, config.max_length, config.seq_length].map(wholeNumber)
  const stated = limits.find((limit) => limit !== undefined)
  return {
    folder,
    pooling: poolingOf(pooling, directory),
    promptPooled: pooling.include_prompt !== false,
    normalized: modules.length === 0 ? undefined : kinds.includes('Normalize'),
    similarity: typeof sentenceTransformers.similarity_fn_name === 'string' ? sentenceTransformers.similarity_fn_name : undefined,
    prompts: strings(sentenceTransformers.prompts),
    defaultPrompt: typeof sentenceTransformers.default_prompt_name === 'string' ? sentenceTransformers.default_prompt_name : undefined,
    lowercase: sentence.do_lower_case === true,
    maxTokens: stated !== undefined && positions !== undefined ? Math.min(stated, positions) : (stated ?? positions),
    positions,
    padId: typeof config.pad_token_id === 'number' ? config.pad_token_id : 0,
    isStatic: config.model_type === 'model2vec' || kinds.includes('StaticEmbedding'),
    otherModules: kinds.filter((kind) => !['Transformer', 'StaticEmbedding', 'Pooling', 'Normalize'].includes(kind)),
  }
}

/** The text put before every other: a literal, or what the model calls by this name. */
export function choosePrompt({ prompts, defaultPrompt }: ModelSettings, prompt: string | undefined): string {
  const name = prompt ?? defaultPrompt
  if (name === undefined || name === '') return ''
  if (prompts[name] !== undefined) return prompts[name]
  // A bare word is a misspelt name far more often than a prefix.
  if (!/^[\w-]+$/.test(name)) return name
  const known = Object.keys(prompts)
  throw new InvalidArgumentError(
    'prompt',
    `is "${name}", but the model has ${known.length === 0 ? 'no named prompts' : `only these: ${known.join(', ')}`}`,
    'To put a text of your own before every text, write it out with its colon or space: "query: ".',
  )
}

/** How to pool, from the caller, else the model's files, else the graph; never a guess. */
export function choosePooling(
  settings: ModelSettings,
  wanted: Pooling | undefined,
  graph: { readonly path: string; readonly sentence: boolean; readonly tokens: boolean },
): Pooling {
  const { otherModules } = settings
  if (wanted === undefined && otherModules.length > 0 && !graph.sentence) {
    throw new UnsupportedError(
      `The model of ${graph.path} ends in ${otherModules.join(' and ')}, which its graph does not include.`,
      'Export it with its sentence output (`sentence_embedding`), or set `pooling` to use its token vectors without that part.',
    )
  }
  const pooling =
    wanted ??
    (otherModules.length > 0
      ? 'sentence'
      : settings.pooling && (settings.pooling === 'sentence' || graph.tokens)
        ? settings.pooling
        : graph.sentence
          ? 'sentence'
          : settings.pooling)
  if (pooling === undefined) {
    throw new InvalidArgumentError(
      'pooling',
      `is not stated by the files beside ${graph.path}, and the graph has no sentence output`,
      'Set it as the model card says: "mean", "cls" or "last".',
    )
  }
  if (pooling === 'sentence' ? !graph.sentence : !graph.tokens) {
    throw new InvalidModelError(
      graph.path,
      pooling === 'sentence'
        ? 'has no output with one vector per text, as `pooling: "sentence"` needs'
        : `has no output with one vector per token, as \`pooling: "${pooling}"\` needs`,
    )
  }
  return pooling
}

/** Unit length is what stores and routers compare; a model trained for other lengths must not lose them unnoticed. */
export function chooseNormalization({ normalized, similarity }: ModelSettings, wanted: boolean | undefined, path: string): boolean {
  if (wanted !== undefined) return wanted
  if (normalized !== true && similarity !== undefined && similarity !== 'cosine') {
    throw new InvalidArgumentError(
      'normalize',
      `must be chosen for the model of ${path}, which compares unscaled vectors by ${similarity}`,
      'Set `normalize: true` to compare by cosine, as stores here do.',
    )
  }
  return true
}

function poolingOf(config: Readonly<Record<string, unknown>>, directory: string): Pooling | undefined {
  const names: Readonly<Record<string, Pooling>> = {
    mean: 'mean',
    mean_tokens: 'mean',
    cls: 'cls',
    cls_token: 'cls',
    lasttoken: 'last',
    last: 'last',
  }
  const flags = Object.keys(config).filter((key) => key.startsWith('pooling_mode_') && config[key] === true)
  const modes = typeof config.pooling_mode === 'string' ? [config.pooling_mode] : flags.map((flag) => flag.slice('pooling_mode_'.length))
  if (modes.length === 0) return undefined
  const pooling = modes.length === 1 ? names[modes[0]!] : undefined
  if (pooling) return pooling
  throw new UnsupportedError(
    `The model at ${directory} pools by ${modes.join(' and ')}, which is not supported.`,
    'Supported: mean, cls, last token, or a graph with its own sentence output (`pooling: "sentence"`).',
  )
}

/** RoBERTa's relatives number positions from the padding id on, so two of them are never used. */
function positionsOf(config: Readonly<Record<string, unknown>>): number | undefined {
  const positions = wholeNumber(config.max_position_embeddings)
  const shifted = ['roberta', 'xlm-roberta', 'camembert', 'mpnet', 'longformer'].includes(String(config.model_type))
  return positions !== undefined && shifted ? positions - 1 - (wholeNumber(config.pad_token_id) ?? 1) : positions
}

/** Numbers of a million and more stand for "no limit was thought of". */
function wholeNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 1_000_000 ? value : undefined
}

function strings(value: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(value ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
