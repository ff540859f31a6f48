import type { QueryBundle } from '@llamaindex/core/query-engine'
import { BaseRetriever } from '@llamaindex/core/retriever'
import type { NodeWithScore } from '@llamaindex/core/schema'
import { extractText } from '@llamaindex/core/utils'
import type { MetadataFilters } from '@llamaindex/core/vector-store'
import { type Engine, type Filter, InvalidArgumentError, type Retrieval, type RetrieveOptions } from 'pilotfish'
import { toFilter } from './filter.ts'
import { toNode } from './node.ts'
import { announce } from './route-event.ts'

export interface PilotfishRetrieverOptions extends Omit<RetrieveOptions, 'filter'> {
  readonly engine: Engine
  /** Nodes wanted. @default 4 */
  readonly topK?: number
  /** Pilotfish's filter or LlamaIndex's. */
  readonly filter?: Filter | MetadataFilters
  /** Called with every answer, before it is returned: which expert was asked, with what scores, how long it took. */
  readonly onRoute?: (retrieval: Retrieval) => void
}

/** Routed retrieval as a LlamaIndex retriever, for a `RetrieverQueryEngine`, a `ContextChatEngine` or whatever else takes one. */
export class PilotfishRetriever extends BaseRetriever {
  readonly #engine: Engine
  readonly #options: RetrieveOptions
  readonly #onRoute: ((retrieval: Retrieval) => void) | undefined

  constructor({ engine, topK = 4, filter, onRoute, ...options }: PilotfishRetrieverOptions) {
    super()
    requireEngine(engine)
    const translated = toFilter(filter)
    this.#engine = engine
    this.#options = { ...options, topK, ...(translated && { filter: translated }) }
    this.#onRoute = onRoute
  }

  /** Nodes best first, `score` in [0, 1]. The text parts of a query in several parts are asked as one question. */
  override async _retrieve({ query }: QueryBundle): Promise<NodeWithScore[]> {
    const retrieval = await this.#engine.retrieve(extractText(query), this.#options)
    announce(retrieval, this.#onRoute)
    return retrieval.hits.map(({ document, score }) => ({ node: toNode(document), score }))
  }
}

/** @throws InvalidArgumentError */
export function requireEngine(engine: Engine): void {
  if (typeof engine?.retrieve === 'function') return
  throw new InvalidArgumentError('engine', 'must be an open engine', 'Make one with `await openPilotfish()`.')
}
