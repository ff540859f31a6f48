/** Stable, public names of failures a caller can act on. */
export type ErrorCode =
  | 'INVALID_ARGUMENT'
  | 'INVALID_DOCUMENT'
  | 'DUPLICATE_ID'
  | 'DIMENSION_MISMATCH'
  | 'INVALID_VECTOR'
  | 'UNKNOWN_EXPERT'
  | 'UNKNOWN_TASK'
  | 'DUPLICATE_EXPERT'
  | 'NO_EXPERTS'
  | 'MISSING_PACKAGE'
  | 'MODEL_NOT_FOUND'
  | 'INVALID_MODEL'
  | 'UNSUPPORTED_GRAPH'
  | 'DOWNLOAD_FAILED'
  | 'OFFLINE'
  | 'INVALID_PACK'
  | 'PACK_NOT_WRITTEN'
  | 'INVALID_DATA'
  | 'INDEX_NOT_FOUND'
  | 'INDEX_MISMATCH'
  | 'INDEX_CORRUPT'
  | 'INDEX_LOCKED'
  | 'INDEX_READ_ONLY'
  | 'STORAGE_FAILED'
  | 'INVALID_FILTER'
  | 'UNSUPPORTED'
  | 'CLOSED'
  | 'WORKER_FAILED'
  | 'ENCODER_FAILED'
  | 'TRAINING_REFUSED'
  | 'ADAPTER_MISMATCH'
  | 'MISSING_TOKEN'
  | 'PROMPT_TOO_LONG'
  | 'LANGUAGE_MODEL_FAILED'
  | 'INVALID_SCORE'
  | 'SCORING_STOPPED'

const marker = Symbol.for('pilotfish.error')

/** Base of every error Pilotfish throws on purpose. Match on `code`; `PilotfishError.is` works across two copies of the package. */
export class PilotfishError extends Error {
  readonly code: ErrorCode
  readonly [marker] = true

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }

  static is(value: unknown): value is PilotfishError {
    return typeof value === 'object' && value !== null && marker in value
  }
}

/** An argument that cannot mean anything: wrong type, out of range, unknown option. */
export class InvalidArgumentError extends PilotfishError {
  readonly argument: string

  constructor(argument: string, problem: string, advice = '') {
    super('INVALID_ARGUMENT', `${argument} ${problem}.${advice && ` ${advice}`}`)
    this.argument = argument
  }
}

/** A document that cannot be stored. */
export class InvalidDocumentError extends PilotfishError {
  /** Position in the batch that was given. */
  readonly index: number

  constructor(index: number, id: unknown, problem: string) {
    const who = typeof id === 'string' ? `Document ${JSON.stringify(shorten(id))} (number ${index + 1})` : `Document number ${index + 1}`
    super('INVALID_DOCUMENT', `${who} ${problem}. Nothing of its batch was stored.`)
    this.index = index
  }
}

/** The same id twice in one call: which text should win is not ours to guess. */
export class DuplicateIdError extends PilotfishError {
  readonly id: string

  constructor(id: string) {
    super(
      'DUPLICATE_ID',
      `The id ${JSON.stringify(shorten(id))} was given twice in one call. Make ids unique, or add the documents in two calls if the later one should replace the earlier.`,
    )
    this.id = id
  }
}

/** A vector of the wrong length reached a store or a router. */
export class DimensionMismatchError extends PilotfishError {
  readonly expected: number
  readonly actual: number

  constructor(where: string, expected: number, actual: number) {
    super(
      'DIMENSION_MISMATCH',
      `${where} holds ${expected}-dimensional vectors but was given one with ${actual}. ` +
        `Was it made by a different encoder? Use the encoder it was built with, or build it again.`,
    )
    this.expected = expected
    this.actual = actual
  }
}

/** A vector with an element that is not a finite number. */
export class InvalidVectorError extends PilotfishError {
  constructor(where: string) {
    super(
      'INVALID_VECTOR',
      `${where} has an element that is not a finite number. Its encoder returned NaN or Infinity; nothing was stored.`,
    )
  }
}

/** A name no expert goes by. */
export class UnknownExpertError extends PilotfishError {
  readonly expert: string
  readonly known: readonly string[]

  constructor(expert: string, known: readonly string[]) {
    super('UNKNOWN_EXPERT', `There is no expert named ${JSON.stringify(expert)}. Known experts: ${known.join(', ')}.`)
    this.expert = expert
    this.known = known
  }
}

/** A task that no expert is bound to. */
export class UnknownTaskError extends PilotfishError {
  readonly task: string
  /** Tasks that experts are bound to. */
  readonly known: readonly string[]

  constructor(task: string, known: readonly string[]) {
    super(
      'UNKNOWN_TASK',
      `No expert is bound to the task ${JSON.stringify(task)}. ${known.length === 0 ? 'None is bound to any: ask without `task`, or bind one.' : `Tasks of experts that are here: ${known.join(', ')}.`}`,
    )
    this.task = task
    this.known = known
  }
}

/** A name that is taken. */
export class DuplicateExpertError extends PilotfishError {
  readonly expert: string

  constructor(expert: string, advice = 'Remove it first, or choose another name.') {
    super('DUPLICATE_EXPERT', `An expert named ${JSON.stringify(expert)} is already there. ${advice}`)
    this.expert = expert
  }
}

/** Nothing would be left to answer a query. */
export class NoExpertsError extends PilotfishError {
  constructor(expert?: string) {
    super(
      'NO_EXPERTS',
      expert === undefined
        ? 'There is no expert to route to. Give at least one.'
        : `${JSON.stringify(expert)} is the last expert; removing it would leave nothing to answer queries. Add another expert first, or close the engine.`,
    )
  }
}

/** An optional package is not installed. */
export class MissingPackageError extends PilotfishError {
  readonly packageName: string

  constructor(packageName: string, purpose: string, install: string, cause?: unknown) {
    super('MISSING_PACKAGE', `${purpose} needs the package "${packageName}", which is not installed. Install it with: ${install}`, {
      cause,
    })
    this.packageName = packageName
  }
}

/** A model directory or one of its files is not there. */
export class ModelNotFoundError extends PilotfishError {
  readonly path: string

  constructor(path: string, missing: string, advice: string) {
    super('MODEL_NOT_FOUND', `No ${missing} at ${path}. ${advice}`)
    this.path = path
  }
}

/** A model file that is there but cannot be used. */
export class InvalidModelError extends PilotfishError {
  readonly path: string

  constructor(path: string, problem: string, cause?: unknown) {
    super('INVALID_MODEL', `The model file ${path} ${problem}. Fetch or export it again.`, { cause })
    this.path = path
  }
}

/** A graph with a node that cannot be changed or differentiated. */
export class UnsupportedGraphError extends PilotfishError {
  readonly node: string
  readonly operator: string

  constructor(node: string, operator: string, problem: string) {
    super(
      'UNSUPPORTED_GRAPH',
      `The node "${node}" (${operator}) of the ONNX graph ${problem}. Export the model again without that: plain fp32, not optimised.`,
    )
    this.node = node
    this.operator = operator
  }
}

/** A download that did not succeed. */
export class DownloadError extends PilotfishError {
  readonly url: string
  readonly status: number | undefined

  constructor(url: string, problem: string, status?: number, cause?: unknown) {
    super('DOWNLOAD_FAILED', `Downloading ${url} failed: ${problem}.`, { cause })
    this.url = url
    this.status = status
  }
}

/** A file is not in the cache and the network may not be used. */
export class OfflineError extends PilotfishError {
  constructor(file: string, cache: string) {
    super(
      'OFFLINE',
      `${file} is not in the cache at ${cache}, and \`offline: true\` forbids fetching it. Run once with \`offline: false\`, or copy the model's directory and give its path.`,
    )
  }
}

/** An expert pack that cannot be opened. */
export class InvalidPackError extends PilotfishError {
  readonly path: string

  constructor(path: string, problem: string, cause?: unknown) {
    super('INVALID_PACK', `The expert pack at ${path} ${problem}.`, { cause })
    this.path = path
  }
}

/** A data file (corpus, queries, judgements, pairs) that is missing or has a line that cannot be understood. */
export class InvalidDataError extends PilotfishError {
  readonly path: string
  /** Counted from 1; `undefined` when it is about the whole file. */
  readonly line: number | undefined

  constructor(path: string, line: number | undefined, problem: string, cause?: unknown) {
    super('INVALID_DATA', `${path}${line === undefined ? '' : `, line ${line},`} ${problem}.`, { cause })
    this.path = path
    this.line = line
  }
}

/** A pack could not be written. What lay there before is unharmed. */
export class PackNotWrittenError extends PilotfishError {
  readonly path: string

  constructor(path: string, problem: string, cause?: unknown) {
    super('PACK_NOT_WRITTEN', `The pack at ${path} was not written: ${problem}. What lay there before is unharmed.`, { cause })
    this.path = path
  }
}

/** An index that was built with another encoder than the one it is opened with. */
export class IndexMismatchError extends PilotfishError {
  readonly expected: readonly string[]
  readonly actual: readonly string[]

  constructor(location: string, actual: readonly string[], expected: readonly string[]) {
    super(
      'INDEX_MISMATCH',
      `The index at ${location} was built with ${list(actual)}, but is opened with ${list(expected)}; their vectors do not compare. ` +
        `Open it with the pack or encoder it was built with, or embed its documents again with \`reembed: true\` (\`--reembed\`).`,
    )
    this.actual = actual
    this.expected = expected
  }
}

/** An index that was to be opened for reading is not there. */
export class IndexNotFoundError extends PilotfishError {
  readonly path: string

  constructor(path: string) {
    super(
      'INDEX_NOT_FOUND',
      `There is no index at ${path}, and \`readOnly: true\` forbids making one. Check the path, or add documents to it first.`,
    )
    this.path = path
  }
}

/** Stored data that cannot be read. Derived files are rebuilt silently; this is about the documents themselves. */
export class IndexCorruptError extends PilotfishError {
  readonly path: string

  constructor(path: string, problem: string, cause?: unknown) {
    super(
      'INDEX_CORRUPT',
      `The index file ${path} ${problem}. Nothing was changed. Restore it from a copy, or delete it and add the documents again.`,
      { cause },
    )
    this.path = path
  }
}

/** Another process is writing to the index. */
export class IndexLockedError extends PilotfishError {
  readonly path: string

  constructor(path: string) {
    super(
      'INDEX_LOCKED',
      `The index at ${path} is being written by another process. Wait for it or stop it, or open the index with \`readOnly: true\` to search it meanwhile.`,
    )
    this.path = path
  }
}

/** A change was asked of an index that was opened for reading, or lies where this process may not write. */
export class IndexReadOnlyError extends PilotfishError {
  readonly path: string

  constructor(path: string, why: string) {
    super('INDEX_READ_ONLY', `The index at ${path} cannot be changed: ${why}.`)
    this.path = path
  }
}

/** The disk or the database refused. What was stored before the call is still there. */
export class StorageError extends PilotfishError {
  constructor(location: string, problem: string, cause?: unknown) {
    super('STORAGE_FAILED', `The index at ${location} could not be used: ${problem}. What it held before is unharmed.`, { cause })
  }
}

/** A metadata filter that cannot be understood. */
export class InvalidFilterError extends PilotfishError {
  constructor(problem: string) {
    super(
      'INVALID_FILTER',
      `The filter ${problem}. Operators: $eq $ne $in $nin $gt $gte $lt $lte $all $contains $exists $empty, joined by $and $or $not.`,
    )
  }
}

/** Asked of something that cannot do it. */
export class UnsupportedError extends PilotfishError {
  constructor(what: string, advice: string) {
    super('UNSUPPORTED', `${what} ${advice}`)
  }
}

/** Used after `close()`. */
export class ClosedError extends PilotfishError {
  constructor(what: string) {
    super('CLOSED', `${what} is closed. Open a new one.`)
  }
}

/** A worker thread ended on its own. Calls that were under way fail with this; nothing committed is lost. */
export class WorkerFailedError extends PilotfishError {
  constructor(worker: string, cause?: unknown) {
    super(
      'WORKER_FAILED',
      `The ${worker} worker ended unexpectedly${cause instanceof Error ? ` (${cause.message})` : ''}. Open it again to go on; what was committed is still there.`,
      { cause },
    )
  }
}

/** Somebody else's encoder (a server, a framework's embeddings) did not return vectors. */
export class EncoderFailedError extends PilotfishError {
  readonly encoder: string

  constructor(encoder: string, problem: string, cause?: unknown) {
    super('ENCODER_FAILED', `The encoder "${encoder}" failed: ${problem}. Nothing of this batch was stored; try again once it answers.`, {
      cause,
    })
    this.encoder = encoder
  }
}

/** A trained expert does not earn its place. */
export class TrainingRefusedError extends PilotfishError {
  readonly expert: string
  /** nDCG@10 on held-out queries, in [0, 1]. */
  readonly scores: { readonly expert: number; readonly general: number }

  constructor(expert: string, scores: { readonly expert: number; readonly general: number }) {
    super(
      'TRAINING_REFUSED',
      `The expert "${expert}" reaches nDCG@10 ${scores.expert.toFixed(3)} on held-out queries where the general encoder reaches ${scores.general.toFixed(3)}, so it would make answers worse. Give more or cleaner pairs, or keep it with \`force: true\`.`,
    )
    this.expert = expert
    this.scores = scores
  }
}

/** A LoRA adapter that was made for another model than the one it meets. */
export class AdapterMismatchError extends PilotfishError {
  /** Where it lies; `undefined` when it was given as weights. */
  readonly path: string | undefined
  /** Each a sentence about a layer. */
  readonly problems: readonly string[]

  constructor(path: string | undefined, problems: readonly string[], advice: string) {
    const shown = problems.slice(0, 5).join('; ')
    super(
      'ADAPTER_MISMATCH',
      `The LoRA adapter${path === undefined ? '' : ` at ${path}`} does not fit the model: ${shown}${problems.length > 5 ? `; and ${problems.length - 5} more` : ''}. ${advice}`,
    )
    this.path = path
    this.problems = problems
  }
}

/** A language model whose tokenizer or vocabulary lacks a token that is needed. */
export class MissingTokenError extends PilotfishError {
  readonly path: string
  /** Which: "bos_token", or the text of a token that the model has no place for. */
  readonly token: string

  constructor(path: string, token: string, problem: string) {
    super('MISSING_TOKEN', `The language model at ${path} lacks the token ${token}: ${problem}.`)
    this.path = path
    this.token = token
  }
}

/** An answer that does not fit into a language model's window, even with nothing before it. */
export class PromptTooLongError extends PilotfishError {
  /** Position of the prompt in the list that was given. */
  readonly index: number
  readonly tokens: number
  readonly window: number

  constructor(index: number, tokens: number, window: number, answer: string) {
    super(
      'PROMPT_TOO_LONG',
      `Prompt number ${index + 1} needs ${tokens} tokens for its answer ${JSON.stringify(shorten(answer))} and what must stand before it, but the window is ${window}. ` +
        `Answers are never cut: shorten it, or use a model with a longer window.`,
    )
    this.index = index
    this.tokens = tokens
    this.window = window
  }
}

/** A model or a teacher whose score is no finite number. */
export class InvalidScoreError extends PilotfishError {
  readonly model: string
  /** Position in what was given: of a prompt, a pair or a candidate. */
  readonly index: number

  /** @param problem "gives candidate number 2 the score NaN" */
  constructor(model: string, index: number, problem: string) {
    super('INVALID_SCORE', `${model} ${problem}, which cannot be written as a score.`)
    this.model = model
    this.index = index
  }
}

/** A language model or a teacher that does not answer as it should. What was scored before is kept. */
export class LanguageModelFailedError extends PilotfishError {
  readonly model: string

  constructor(model: string, problem: string, cause?: unknown) {
    super('LANGUAGE_MODEL_FAILED', `The model "${model}" failed: ${problem}.`, { cause })
    this.model = model
  }
}

/** A file could not be scored to its end. `cause` says why. */
export class ScoringStoppedError extends PilotfishError {
  readonly path: string
  /** The line that was being scored, counted from 1. */
  readonly line: number

  constructor(path: string, line: number, out: string, written: number, cause: Error) {
    super(
      'SCORING_STOPPED',
      `Scoring stopped at ${path}, line ${line}: ${cause.message} ` +
        `The ${written} ${written === 1 ? 'line' : 'lines'} before it that could be scored ${written === 1 ? 'is' : 'are'} in ${out}, and the same call goes on from there.`,
      { cause },
    )
    this.path = path
    this.line = line
  }
}

/** An error crossing a thread boundary, as data: code and facts survive, the stack does not. */
export interface ErrorMessage {
  readonly name: string
  readonly message: string
  readonly code?: string
  readonly facts: Record<string, unknown>
}

/** Turns an error into data that `reviveError` understands. */
export function describeError(error: unknown): ErrorMessage {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), facts: {} }
  const facts: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(error)) {
    if (key !== 'code' && key !== 'name' && ['string', 'number', 'boolean'].includes(typeof value)) facts[key] = value
    else if (Array.isArray(value) && value.every((item) => typeof item === 'string')) facts[key] = value
  }
  const code = (error as { code?: unknown }).code
  return { name: error.name, message: error.message, facts, ...(typeof code === 'string' && { code }) }
}

const classes: Record<string, { prototype: object }> = {
  InvalidArgumentError,
  InvalidDocumentError,
  DuplicateIdError,
  DimensionMismatchError,
  InvalidVectorError,
  UnknownExpertError,
  UnknownTaskError,
  DuplicateExpertError,
  NoExpertsError,
  MissingPackageError,
  ModelNotFoundError,
  InvalidModelError,
  DownloadError,
  OfflineError,
  InvalidPackError,
  PackNotWrittenError,
  InvalidDataError,
  IndexNotFoundError,
  IndexMismatchError,
  IndexCorruptError,
  IndexLockedError,
  IndexReadOnlyError,
  StorageError,
  InvalidFilterError,
  UnsupportedError,
  UnsupportedGraphError,
  ClosedError,
  WorkerFailedError,
  EncoderFailedError,
  TrainingRefusedError,
  AdapterMismatchError,
  MissingTokenError,
  PromptTooLongError,
  LanguageModelFailedError,
  InvalidScoreError,
  ScoringStoppedError,
}

/** The error that `describeError` described, of the same class, so `instanceof` holds on both sides of a thread. */
export function reviveError(message: ErrorMessage): Error {
  const own = classes[message.name]
  const error = own ? new PilotfishError(message.code as ErrorCode, message.message) : new Error(message.message)
  if (own) Object.setPrototypeOf(error, own.prototype)
  return Object.assign(error, message.facts, { name: message.name }, message.code !== undefined && { code: message.code })
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'no encoder' : names.join(' and ')
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}
