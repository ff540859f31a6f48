/** A causal language model that says how likely a text is. */
export interface LanguageModel {
  /** Fingerprint of the model and of everything that changes a likelihood. */
  readonly id: string
  /** Tokens it reads at most, answer included. */
  readonly window: number
  /** How likely each answer is after its prompt, in order. */
  likelihoods(prompts: readonly Prompt[], options?: LanguageModelOptions): Promise<Likelihood[]>
  /** Texts drawn from the model as continuations of a prompt; absent where a model can only score. */
  sample?(prompt: Omit<Prompt, 'answer'>, options: SampleOptions): Promise<string[]>
  /** Frees native memory and threads. Safe to call twice. */
  close(): Promise<void>
}

/** `before + key + after`, and what is to follow. Where the window is too short the key loses its end, then `after` its beginning; the answer nothing. */
export interface Prompt {
  readonly before: string
  /** The candidate; empty to ask without one. */
  readonly key: string
  readonly after: string
  readonly answer: string
}

export interface Likelihood {
  /** Sum over the answer's tokens, in nats; 0 or less. */
  readonly logLikelihood: number
  /** Tokens of the answer. */
  readonly tokens: number
  /** Tokens that were read, prompt and answer together; absent where nobody says. */
  readonly read?: number
  /** Tokens that the window left no room for. */
  readonly cut: { readonly key: number; readonly after: number }
}

export interface LanguageModelOptions {
  readonly signal?: AbortSignal
  /** Prompts dealt with so far. */
  readonly onProgress?: (done: number) => void
}

export interface SampleOptions {
  readonly count: number
  /** Tokens of each text at most. @default 64 */
  readonly maxTokens?: number
  /** @default 1 */
  readonly temperature?: number
  /** @default 1 */
  readonly seed?: number
  readonly signal?: AbortSignal
}
