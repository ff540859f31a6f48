import { Settings } from '@llamaindex/core/global'
import type { Retrieval } from 'pilotfish'

/** Makes a decision visible where it is otherwise buried in an engine: to the caller's function and to whoever listens to LlamaIndex's events. */
export function announce(retrieval: Retrieval, onRoute?: (retrieval: Retrieval) => void): void {
  onRoute?.(retrieval)
  Settings.callbackManager.dispatchEvent('pilotfish-route', retrieval)
}
