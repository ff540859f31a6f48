/** LlamaIndex.TS over Pilotfish. Needs the peer package: `npm install @llamaindex/core@0.6.22`, the version `llamaindex` pins. */
import type { Retrieval } from 'pilotfish'

export { PilotfishRetriever, type PilotfishRetrieverOptions } from './retriever.ts'
export { PilotfishVectorStore, type PilotfishQueryParams, type PilotfishVectorStoreOptions } from './vector-store.ts'
export { llamaindexEncoder, llamaindexExpert, type LlamaindexEncoderOptions, type LlamaindexExpertOptions } from './embeddings.ts'

declare module '@llamaindex/core/global' {
  interface LlamaIndexEventMaps {
    /** What Pilotfish found and why, once per query: `Settings.callbackManager.on('pilotfish-route', ({ detail }) => …)`. */
    'pilotfish-route': Retrieval
  }
}
