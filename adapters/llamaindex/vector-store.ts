import { BaseEmbedding } from '@llamaindex/core/embeddings'
import type { BaseNode } from '@llamaindex/core/schema'
import {
  BaseVectorStore,
  type MetadataFilters,
  type VectorStoreQuery,
  VectorStoreQueryMode,
  type VectorStoreQueryResult,
} from '@llamaindex/core/vector-store'
import {
  type AddProgress,
  type AddResult,
  type Engine,
  type Filter,
  type Retrieval,
  type RetrieveOptions,
  UnsupportedError,
} from 'pilotfish'
import { toFilter } from './filter.ts'
import { toDocument, toNode } from './node.ts'
import { requireEngine } from './retriever.ts'
import { announce } from './route-event.ts'

export interface PilotfishVectorStoreOptions {
  readonly engine: Engine
  /** Called with every answer, before it is returned: which expert was asked, with what scores, how long it took. */
  readonly onRoute?: (retrieval: Retrieval) => void
  /** Called when nodes were added: how many were new, unchanged, or longer than an encoder reads. */
  readonly onAdded?: (result: AddResult) => void
  readonly onProgress?: (progress: AddProgress) => void
}

/** What `customParams` of a query, a retriever or a query engine may hold. */
export type PilotfishQueryParams = Pick<RetrieveOptions, 'expert' | 'task' | 'minSimilarity' | 'lexicalWeight' | 'diversity' | 'signal'>

/**
 * A collection under a LlamaIndex `VectorStoreIndex`. Pilotfish embeds nodes and questions itself: vectors that the
 * index computes are ignored, and the store's own `embedModel` computes none.
 */
export class PilotfishVectorStore extends BaseVectorStore<Engine, PilotfishQueryParams> {
  override readonly storesText = true
  readonly #options: PilotfishVectorStoreOptions

  constructor(options: PilotfishVectorStoreOptions) {
    // Without a model of its own the base class would ask for the global one and throw when there is none.
    super({ embedModel: new NoEmbedding() })
    requireEngine(options?.engine)
    this.#options = options
  }

  override client(): Engine {
    return this.#options.engine
  }

  /** Adds or replaces nodes by id; unchanged ones cost nothing. */
  override async add(nodes: BaseNode[]): Promise<string[]> {
    const { engine, onAdded, onProgress } = this.#options
    const documents = nodes.map(toDocument)
    const result = await engine.add(documents, onProgress && { onProgress })
    onAdded?.(result)
    return documents.map(({ id }) => id)
  }

  /** Deletes the nodes whose source is this document; none is fine. */
  override async delete(refDocId: string): Promise<void> {
    await this.#options.engine.delete({ filter: { ref_doc_id: refDocId } })
  }

  /** Nodes best first, similarities in [0, 1]. Answers `queryStr`; a query by vector alone cannot be routed. */
  override async query(query: VectorStoreQuery<PilotfishQueryParams>): Promise<VectorStoreQueryResult> {
    const { queryStr, similarityTopK, filters, docIds } = query
    if (queryStr === undefined)
      throw new UnsupportedError('Pilotfish cannot route a vector.', 'Give the question as queryStr, as VectorStoreIndex does.')
    const filter = scope(filters, docIds)
    const retrieval = await this.#options.engine.retrieve(queryStr, {
      ...inMode(query),
      ...query.customParams,
      topK: similarityTopK,
      ...(filter && { filter }),
    })
    announce(retrieval, this.#options.onRoute)
    return {
      nodes: retrieval.hits.map(({ document }) => toNode(document)),
      similarities: retrieval.hits.map(({ score }) => score),
      ids: retrieval.hits.map(({ document }) => document.id),
    }
  }
}

/** LlamaIndex's stores take `docIds` for ids of nodes or of their source documents, so both are meant. */
function scope(filters: MetadataFilters | undefined, docIds: string[] | undefined): Filter | undefined {
  const filter = toFilter(filters)
  if (!docIds) return filter
  const named: Filter = { $or: [{ _node_id: { $in: docIds } }, { ref_doc_id: { $in: docIds } }] }
  return filter ? { $and: [filter, named] } : named
}

/** LlamaIndex's query modes in Pilotfish's terms. @throws UnsupportedError */
function inMode({
  mode = VectorStoreQueryMode.DEFAULT,
  alpha,
  mmrThreshold,
}: VectorStoreQuery<PilotfishQueryParams>): PilotfishQueryParams {
  switch (mode) {
    case VectorStoreQueryMode.DEFAULT:
      return {}
    case VectorStoreQueryMode.SPARSE:
      return { lexicalWeight: 1 }
    case VectorStoreQueryMode.HYBRID:
      // LlamaIndex's alpha is the share of the vectors; the route knows a good one when none is given.
      return alpha === undefined ? {} : { lexicalWeight: 1 - alpha }
    case VectorStoreQueryMode.MMR:
      return { diversity: mmrThreshold === undefined ? {} : { lambda: mmrThreshold } }
    default:
      throw new UnsupportedError(`The query mode "${mode}" is not supported.`, 'Modes are default, sparse, hybrid and mmr.')
  }
}

/** Costs nothing where LlamaIndex insists on embedding. Its vectors are empty but not missing, or nodes and questions would be passed over. */
class NoEmbedding extends BaseEmbedding {
  constructor() {
    super(async (nodes) => {
      for (const node of nodes) node.embedding = []
      return nodes
    })
  }

  override async getTextEmbedding(): Promise<number[]> {
    return []
  }
}
