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
