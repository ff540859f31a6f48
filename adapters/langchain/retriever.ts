import { CallbackManager, parseCallbackConfigArg, type CallbackManagerForRetrieverRun } from '@langchain/core/callbacks/manager'
import type { DocumentInterface } from '@langchain/core/documents'
import { BaseRetriever, type BaseRetrieverInput } from '@langchain/core/retrievers'
import { ensureConfig, type RunnableBatchOptions, type RunnableConfig } from '@langchain/core/runnables'
import { InvalidArgumentError, type Engine, type Retrieval, type RetrieveOptions } from 'pilotfish'
import { abortable } from './abortable.ts'
import { hitDocument } from './documents.ts'
import { routeEvent } from './route-event.ts'

export interface PilotfishRetrieverInput extends BaseRetrieverInput, Omit<RetrieveOptions, 'topK' | 'signal'> {
  readonly engine: Engine
  /** Documents wanted. @default 4 */
  readonly k?: number
  /** Puts `{ score, similarity, lexical, expert }` under the metadata key `pilotfish`. @default false */
  readonly withScores?: boolean
}

/**
 * Routed retrieval as a LangChain retriever. Every query emits a custom event `route` that says which expert was asked
 * and why. `signal` and `timeout` are honoured, and `batch` embeds and searches all its queries in one pass.
 */
export class PilotfishRetriever extends BaseRetriever {
  static override lc_name(): string {
    return 'PilotfishRetriever'
  }

  lc_namespace = ['pilotfish', 'retrievers']
  readonly engine: Engine
  readonly #search: RetrieveOptions
  readonly #withScores: boolean

  constructor(input: PilotfishRetrieverInput) {
    const { engine, k = 4, withScores = false, callbacks, tags, metadata, verbose, ...search } = input
    // Whatever reaches `super` is traced on every call: never the engine.
    super({ callbacks, tags, metadata, verbose })
    if (typeof engine?.retrieveMany !== 'function')
      throw new InvalidArgumentError('engine', 'must be an open engine', 'Make one with `await openPilotfish()`.')
    this.engine = engine
    this.#search = { ...search, topK: k }
    this.#withScores = withScores
  }

  /** The base class would ignore `signal` and `timeout`. */
  override async invoke(query: string, options?: RunnableConfig): Promise<DocumentInterface[]> {
    const config: RunnableConfig = ensureConfig(parseCallbackConfigArg(options))
    const run = await this.#start(query, config)
    return this.#finish(this.engine.retrieve(query, { ...this.#search, signal: config.signal }), run, config.signal)
  }

  override async batch(
    queries: string[],
    options?: BatchConfig,
    batchOptions?: RunnableBatchOptions & { returnExceptions?: false },
  ): Promise<DocumentInterface[][]>
  override async batch(
    queries: string[],
    options?: BatchConfig,
    batchOptions?: RunnableBatchOptions & { returnExceptions: true },
  ): Promise<(DocumentInterface[] | Error)[]>
  override async batch(
    queries: string[],
    options?: BatchConfig,
    batchOptions?: RunnableBatchOptions,
  ): Promise<(DocumentInterface[] | Error)[]>
  override async batch(
    queries: string[],
    options: BatchConfig = {},
    batchOptions: RunnableBatchOptions = {},
  ): Promise<(DocumentInterface[] | Error)[]> {
    // Made whole once, so that a `timeout` becomes one signal that all queries share.
    const configs = this._getOptionsList(Array.isArray(options) ? options : ensureConfig(options), queries.length)
    const size = Math.max(1, configs[0]?.maxConcurrency ?? batchOptions.maxConcurrency ?? queries.length)
    const results: (DocumentInterface[] | Error)[] = []
    for (let start = 0; start < queries.length; start += size) {
      const end = start + size
      results.push(...(await this.#pass(queries.slice(start, end), configs.slice(start, end), batchOptions.returnExceptions ?? false)))
    }
    return results
  }

  override async _getRelevantDocuments(query: string, run?: CallbackManagerForRetrieverRun): Promise<DocumentInterface[]> {
    return this.#documents(await this.engine.retrieve(query, this.#search), run)
  }

  /** Many queries through one call of the engine, each traced as a run of its own. */
  async #pass(queries: string[], configs: RunnableConfig[], returnExceptions: boolean): Promise<(DocumentInterface[] | Error)[]> {
    const runs = await Promise.all(queries.map((query, i) => this.#start(query, configs[i]!)))
    // Only a signal that all share may stop the work of all; with signals of their own, each stops waiting by itself.
    const shared = configs.every(({ signal }) => signal === configs[0]!.signal) ? configs[0]!.signal : undefined
    const options = { ...this.#search, signal: shared }
    const pass = this.engine.retrieveMany(queries, options)
    const found = queries.map((query, i) =>
      pass.then(
        (retrievals) => retrievals[i]!,
        // One bad query fails a whole pass: asked one by one, the others still have their answers.
        (error: unknown) =>
          returnExceptions && queries.length > 1 && !shared?.aborted ? this.engine.retrieve(query, options) : Promise.reject(error),
      ),
    )
    const finished = found.map((retrieval, i) => this.#finish(retrieval, runs[i], configs[i]!.signal))
    return Promise.all(returnExceptions ? finished.map((documents) => documents.catch((error: Error) => error)) : finished)
  }

  #start(query: string, config: RunnableConfig): Promise<CallbackManagerForRetrieverRun> | undefined {
    const { callbacks, tags, metadata, runId, runName } = config
    const manager = CallbackManager.configure(callbacks, this.callbacks, tags, this.tags, metadata, this.metadata, {
      verbose: this.verbose,
    })
    return manager?.handleRetrieverStart(this.toJSON(), query, runId, undefined, undefined, undefined, runName)
  }

  async #finish(
    found: Promise<Retrieval>,
    run: CallbackManagerForRetrieverRun | undefined,
    signal: AbortSignal | undefined,
  ): Promise<DocumentInterface[]> {
    try {
      const documents = await this.#documents(await abortable(found, signal), run)
      await run?.handleRetrieverEnd(documents)
      return documents
    } catch (error) {
      await run?.handleRetrieverError(error)
      throw error
    }
  }

  async #documents(retrieval: Retrieval, run: CallbackManagerForRetrieverRun | undefined): Promise<DocumentInterface[]> {
    await run?.handleCustomEvent('route', routeEvent(retrieval))
    return retrieval.hits.map((hit) => hitDocument(hit, this.#withScores))
  }
}

type BatchConfig = Partial<RunnableConfig> | Partial<RunnableConfig>[]
