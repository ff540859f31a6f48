import { InvalidModelError, UnsupportedError } from '../../errors.ts'

/** `adapter_config.json`: the fields that decide what weights mean. Others are kept as they are. */
export interface PeftConfig {
  readonly peft_type: 'LORA'
  readonly r: number
  readonly lora_alpha: number
  /** Names of layers or ends of names, a regular expression, or `all-linear`. */
  readonly target_modules?: readonly string[] | string | null
  /** Ranks of layers that have another, by name or regular expression. */
  readonly rank_pattern?: Readonly<Record<string, number>> | null
  readonly alpha_pattern?: Readonly<Record<string, number>> | null
  /** Scales by α/√r in place of α/r (Kalajdzievski 2023). */
  readonly use_rslora?: boolean
  readonly base_model_name_or_path?: string | null
  readonly [field: string]: unknown
}

/** @throws InvalidModelError for a file that is no such configuration, UnsupportedError for what is not plain LoRA */
export function readPeftConfig(text: string, path: string): PeftConfig {
  let config: PeftConfig
  try {
    config = JSON.parse(text) as PeftConfig
  } catch (error) {
    throw new InvalidModelError(path, 'is not JSON', error)
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config)) throw new InvalidModelError(path, 'is not a JSON object')
  checkPeftConfig(config, path)
  return config
}

/** @throws InvalidModelError, UnsupportedError */
export function checkPeftConfig(config: PeftConfig, path: string): void {
  const bad = (field: string): never => {
    throw new InvalidModelError(path, `has ${JSON.stringify(config[field])} for "${field}"`)
  }
  if (config.peft_type !== 'LORA')
    throw new UnsupportedError(`The adapter of ${path} is of the type ${String(config.peft_type)}.`, 'Only LoRA adapters are read.')
  if (!(Number.isInteger(config.r) && config.r > 0)) bad('r')
  if (!isPositive(config.lora_alpha)) bad('lora_alpha')
  for (const field of ['rank_pattern', 'alpha_pattern'] as const) {
    const pattern = config[field] ?? {}
    if (typeof pattern !== 'object' || Array.isArray(pattern) || !Object.values(pattern).every(isPositive)) bad(field)
  }
  if (Object.values(config.rank_pattern ?? {}).some((rank) => !Number.isInteger(rank))) bad('rank_pattern')
  const targets = config.target_modules ?? 'all-linear'
  if (typeof targets !== 'string' && !(Array.isArray(targets) && targets.every((target) => typeof target === 'string')))
    bad('target_modules')
  for (const [field, is, what] of refused) {
    if (is(config[field])) throw new UnsupportedError(`The LoRA adapter of ${path} ${what} (${field}).`, unsupported)
  }
}

const unsupported = 'Only low-rank changes of linear layers are served. Train it without, or merge it into its model and export that.'

const isOn = (value: unknown): boolean => value === true
const isFull = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== false && !(typeof value === 'object' && Object.keys(value).length === 0)

/** Fields that change what a model computes, or which model it is. */
const refused: readonly (readonly [field: string, is: (value: unknown) => boolean, what: string])[] = [
  ['bias', (value) => isFull(value) && value !== 'none', 'trains biases too, which all experts of a model would have to share'],
  ['lora_bias', isOn, 'has biases on its branches'],
  ['use_dora', isOn, 'is weight-decomposed (DoRA), so it needs the norms of the merged weights'],
  ['use_qalora', isOn, 'is made for group-wise quantised weights'],
  ['modules_to_save', isFull, 'brings whole layers of its own'],
  ['trainable_token_indices', isFull, 'trains embeddings of single tokens'],
  ['target_parameters', isFull, 'changes parameters that are no layers'],
  ['layer_replication', isFull, 'repeats layers of its model'],
  ['alora_invocation_tokens', isFull, 'begins at certain tokens only (activated LoRA)'],
  [
    'init_lora_weights',
    (value) => typeof value === 'string' && /^(pissa|olora|corda|loftq|lora_ga)/.test(value),
    'began with a change of the base weights, so it belongs to a changed model',
  ],
]

function isPositive(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value > 0
}

/** What a configuration says of one layer. */
export interface ModuleSettings {
  readonly rank: number
  readonly scaling: number
}

/** Rank and scaling by module path, patterns as PEFT applies them: the first that is the path or its end. */
export function moduleSettings(config: PeftConfig, path: string): (module: string) => ModuleSettings {
  const ranks = patterns(config.rank_pattern ?? {}, path)
  const alphas = patterns(config.alpha_pattern ?? {}, path)
  return (module) => {
    const rank = ranks(module) ?? config.r
    const alpha = alphas(module) ?? config.lora_alpha
    return { rank, scaling: alpha / (config.use_rslora === true ? Math.sqrt(rank) : rank) }
  }
}

/** Whether `target_modules` means a module. */
export function targetsOf({ target_modules: targets }: PeftConfig, path: string): (module: string) => boolean {
  if (targets === undefined || targets === null || targets === 'all-linear') return () => true
  if (typeof targets !== 'string') return (module) => targets.some((target) => module === target || module.endsWith(`.${target}`))
  const whole = expression(`^(?:${targets})$`, path)
  return (module) => whole.test(module)
}

function patterns(values: Readonly<Record<string, number>>, path: string): (module: string) => number | undefined {
  const known = Object.entries(values).map(([pattern, value]) => ({ pattern: expression(`^(?:.*\\.)?(?:${pattern})$`, path), value }))
  return (module) => known.find(({ pattern }) => pattern.test(module))?.value
}

function expression(source: string, path: string): RegExp {
  try {
    return new RegExp(source, 's')
  } catch (error) {
    throw new InvalidModelError(path, `has a pattern that is no regular expression: ${source}`, error)
  }
}
