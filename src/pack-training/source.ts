import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { endpointDimensions } from '../encoder/endpoint.ts'
import { resolveModel, type HubOptions } from '../encoder/hub.ts'
import { peftConfigFile, peftWeightsFile } from '../encoder/lora/peft.ts'
import { weightFiles } from '../encoder/from-weights/tensor-files.ts'
import { onnxFile, type OnnxDType } from '../encoder/onnx/file.ts'
import { optionalJson } from '../encoder/tokenizer.ts'
import { InvalidArgumentError, ModelNotFoundError } from '../errors.ts'
import type { PackEndpoint, PackExpert, PackInstructions, PackModel } from '../expert/pack.ts'
import { filesIn, versionedFolder, type PackContent } from '../expert/write-pack.ts'
import type { OwnEncoders } from '../open-expert.ts'
import { isRetrievalTask, taskInstructions } from '../tasks/task.ts'

/** Where an expert comes from, and what its files leave open. */
export interface ExpertSource {
  /**
   * A directory to which PEFT saved a LoRA adapter, the directory of a model, a hub repository of either, or the URL of an endpoint.
   * @default none: the base of the pack, with instructions before its texts
   */
  readonly source?: string
  /**
   * What the expert retrieves for: it is asked by whoever asks with this task. One of the six (`retrievalTasks`) brings its instructions to the
   * base, and to models that have no prompts of their own. @default none
   */
  readonly task?: string
  /** Put before questions and documents. For models and endpoints where `queryPrompt` and `documentPrompt` do not say. @default those of the task, if any */
  readonly instructions?: PackInstructions
  /** `own`: a LoRA adapter was trained on both sides, and embeds documents too. @default 'base' for LoRA, 'own' for models */
  readonly documents?: 'own' | 'base'
  /** How a model is read. @default what its files say, its prompts for queries and documents among them */
  readonly model?: Partial<PackModel>
  /** What is behind a URL; `model` at least. Dimensions are asked of it when they are not given. */
  readonly endpoint?: Partial<Omit<PackEndpoint, 'url'>>
  /** How a hub is reached, and which revision is meant. */
  readonly hub?: HubOptions
}

/** What goes into the pack, and how it is opened before. */
export interface FoundExpert {
  readonly entry: PackExpert & { readonly kind: OwnEncoders }
  /** Files for the pack, by their paths in it. */
  readonly files: ReadonlyMap<string, PackContent>
  /** The same expert where it lies now, relative to `directory`. */
  readonly present: PackExpert & { readonly kind: OwnEncoders }
  readonly directory: string
}

/** Finds out what a source is. @throws ModelNotFoundError, InvalidArgumentError, DownloadError, OfflineError, EncoderFailedError */
export async function findExpert(name: string, from: ExpertSource, signal?: AbortSignal): Promise<FoundExpert> {
  const { source, documents } = from
  if (source === undefined && (from.instructions || isRetrievalTask(from.task))) return instruction(name, from)
  if (typeof source !== 'string' || source === '')
    throw new InvalidArgumentError(
      'source',
      'is missing',
      'Give a directory, a hub repository such as "owner/name", or the URL of an endpoint; or none, and one of the six tasks or instructions.',
    )
  if (documents !== undefined && documents !== 'own' && documents !== 'base')
    throw new InvalidArgumentError('documents', `is ${JSON.stringify(documents)}, neither "own" nor "base"`)
  if (/^[a-z]+:\/\//i.test(source)) return remote(name, source, from, signal)
  const hub = { ...from.hub, ...(signal && { signal }) }
  const isKnown = (path: string): boolean => [peftConfigFile, 'config.json', 'modules.json'].includes(path)
  const directory = await resolveModel(source, isKnown, 'configuration of a model or of a LoRA adapter', hub)
  const isRepository = directory !== source
  if (await exists(join(directory, peftConfigFile))) {
    if (isRepository)
      await resolveModel(source, (path) => path === peftWeightsFile, `file ${peftWeightsFile}`, { ...hub, revision: basename(directory) })
    return lora(name, from, directory)
  }
  return model(name, from, directory, isRepository ? source : undefined)
}

/** The base itself behind instructions: nothing to copy. */
function instruction(name: string, { task, instructions, documents }: ExpertSource): FoundExpert {
  if (documents !== undefined)
    throw new InvalidArgumentError('documents', 'is given without a source', 'The base embeds them, behind `instructions.document`.')
  const { query, key } = isRetrievalTask(task) ? taskInstructions[task] : { query: undefined, key: undefined }
  const before = textsOf({ query: instructions?.query ?? query, document: instructions?.document ?? key })
  if (!before) throw new InvalidArgumentError('instructions', 'are empty', 'Then it would be the base itself, which the general expert is.')
  const entry = { name, kind: 'instruction', instructions: before } as const
  return { entry, files: new Map(), present: entry, directory: '.' }
}

async function lora(name: string, { instructions, documents }: ExpertSource, directory: string): Promise<FoundExpert> {
  // Byte for byte, so that Python can take it out again.
  const files = await copies(directory, (path) => path === peftConfigFile || path === peftWeightsFile || isLicence(path))
  const before = textsOf(instructions)
  return packed(name, directory, files, { kind: 'lora', ...(before && { instructions: before }), ...(documents && { documents }) })
}

async function model(
  name: string,
  { model: given = {}, instructions, documents, task }: ExpertSource,
  directory: string,
  repository: string | undefined,
): Promise<FoundExpert> {
  const settings = (file: string): Promise<Record<string, unknown>> => optionalJson(join(directory, file))
  const [config, { prompts }, modules] = await Promise.all([
    settings('config.json'),
    settings('config_sentence_transformers.json'),
    settings('modules.json'),
  ])
  const isStatic = config.model_type === 'model2vec' || Object.values(modules).some(isStaticEmbedding)
  const kind = given.kind ?? (isStatic ? 'static' : 'onnx')
  const known = Object.keys(prompts ?? {})
  const promptFor = (...names: string[]): string | undefined => (kind === 'onnx' ? names.find((each) => known.includes(each)) : undefined)
  const said = { query: given.queryPrompt ?? instructions?.query, document: given.documentPrompt ?? instructions?.document }
  const isSilent = known.length === 0 && said.query === undefined && said.document === undefined
  const ofTask = isSilent && isRetrievalTask(task) ? taskInstructions[task] : undefined
  const queryPrompt = said.query ?? promptFor('query') ?? ofTask?.query
  const documentPrompt = said.document ?? promptFor('document', 'passage', 'corpus') ?? ofTask?.key
  const read: PackModel = {
    ...(documents && { documents }),
    ...given,
    kind,
    ...(queryPrompt !== undefined && { queryPrompt }),
    ...(documentPrompt !== undefined && { documentPrompt }),
  }
  if (repository !== undefined) {
    // The commit pins it: opened again it needs no network.
    const entry = { name, kind: 'model', hub: { repository, revision: basename(directory) }, model: read } as const
    return { entry, files: new Map(), present: entry, directory }
  }
  const weights = kind === 'static' ? 'model.safetensors' : onnxFile(undefined, read.dtype as OnnxDType | undefined)
  const isWeights = (path: string): boolean =>
    kind === 'static'
      ? /^(\d+_\w+\/)?model\.safetensors$/.test(path)
      : path.startsWith(`${weights}_data`) || [weights, `${weights}.data`].includes(path)
  const all = await copies(directory, () => true)
  // Without an ONNX file a graph is made of the weights wherever the pack is opened.
  const plain = kind === 'onnx' && !all.has(weights) && read.dtype === undefined ? weightFiles([...all.keys()]) : []
  const isModel = (path: string): boolean => isWeights(path) || plain.includes(path)
  const files = new Map([...all].filter(([path]) => isModel(path) || isSettings(path) || isLicence(path)))
  if (![...files.keys()].some(isModel))
    throw new ModelNotFoundError(
      directory,
      `LoRA adapter (${peftConfigFile}) and no model (${weights})`,
      'Give the directory of one, a hub repository such as "owner/name", or the URL of an endpoint.',
    )
  return packed(name, directory, files, { kind: 'model', model: read })
}

async function remote(
  name: string,
  url: string,
  { endpoint = {}, instructions, documents }: ExpertSource,
  signal: AbortSignal | undefined,
): Promise<FoundExpert> {
  const { model: behind, dimensions } = endpoint
  if (documents === 'base')
    throw new InvalidArgumentError('documents', 'is "base" for an endpoint', 'It embeds the documents that its questions search.')
  if (behind === undefined)
    throw new InvalidArgumentError('endpoint.model', 'is missing', `Name the model behind ${url}: its vectors go by that name (--model).`)
  const { query: queryPrompt, document: documentPrompt } = textsOf(instructions) ?? {}
  const prompts = { ...(queryPrompt && { queryPrompt }), ...(documentPrompt && { documentPrompt }) }
  const known = { ...prompts, ...endpoint, url, model: behind }
  const entry = {
    name,
    kind: 'remote',
    endpoint: { ...known, dimensions: dimensions ?? (await endpointDimensions(known, signal && { signal })) },
  } as const
  return { entry, files: new Map(), present: entry, directory: '.' }
}

/** An expert whose files lie in a directory and will lie in another. */
async function packed(
  name: string,
  directory: string,
  files: ReadonlyMap<string, PackContent>,
  facts: Pick<PackExpert, 'model' | 'instructions' | 'documents'> & { readonly kind: OwnEncoders },
): Promise<FoundExpert> {
  const path = await versionedFolder(`experts/${name}`, files)
  const inside = new Map([...files].map(([file, content]) => [`${path}/${file}`, content]))
  return { entry: { name, path, ...facts }, files: inside, present: { name, path: '.', ...facts }, directory }
}

/** Instructions that say something. */
function textsOf({ query, document }: { readonly [side in keyof PackInstructions]: PackInstructions[side] | undefined } = {}):
  | PackInstructions
  | undefined {
  return query || document ? { ...(query && { query }), ...(document && { document }) } : undefined
}

async function copies(directory: string, isWanted: (path: string) => boolean): Promise<Map<string, PackContent>> {
  const paths = (await filesIn(directory)).filter(isWanted)
  return new Map(paths.map((path) => [path, { copy: join(directory, path) }]))
}

function isSettings(path: string): boolean {
  return /^(\d+_\w+\/)?(config|tokenizer|tokenizer_config|special_tokens_map|modules|config_sentence_transformers|sentence_bert_config)\.json$/.test(
    path,
  )
}

function isLicence(path: string): boolean {
  return /^(LICEN[CS]E|NOTICE)(\.\w+)?$/i.test(path)
}

function isStaticEmbedding(module: unknown): boolean {
  return String((module as { type?: unknown } | undefined)?.type).endsWith('StaticEmbedding')
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
