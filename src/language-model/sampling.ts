import { InvalidModelError, MissingTokenError } from '../errors.ts'
import { random, type Random } from '../train/random.ts'
import { fitPrompt } from './fit-prompt.ts'
import { logitsOf } from './likelihoods.ts'
import type { LoadedModel, Tensor } from './load.ts'
import type { SampleRequest } from './protocol.ts'

/** Tokens of all texts that are drawn side by side. */
const tokenBudget = 4096

/**
 * Continuations drawn from the model, each with random numbers of its own, so that the first texts do not depend on how many there are. A
 * text ends before the token that ends texts. A prompt that leaves no room for `maxTokens` is cut like one that is scored.
 * @param pause Called between two tokens; throws to end the work.
 * @throws MissingTokenError for a model without a token that ends texts, InvalidModelError
 */
export async function sampleTexts(model: LoadedModel, request: SampleRequest, pause: () => Promise<void>): Promise<string[]> {
  if (model.eosIds.length === 0)
    throw new MissingTokenError(model.path, 'eos_token', 'a text that is drawn has no end without it. Name one in generation_config.json')
  const start = startOf(model, request)
  model.check(start)
  const most = Math.max(1, Math.floor(tokenBudget / (start.length + request.maxTokens)))
  const texts: string[] = []
  for (let first = 0; first < request.count; first += most) {
    const generators = Array.from({ length: Math.min(most, request.count - first) }, (_, i) => random(request.seed, first + i))
    const drawn = await drawTogether(model, start, generators, request, pause)
    texts.push(...drawn.map((ids) => continuation(model, start, ids)))
  }
  return texts
}

/** The prompt's tokens, with room left for what is drawn. */
function startOf(model: LoadedModel, { prompt, maxTokens }: SampleRequest): readonly number[] {
  const { path, bosId, special, tokenize } = model
  const { ids } = fitPrompt({ ...prompt, answer: '' }, model.window - maxTokens, { tokenize, opening: special.opening, bosId, path })
  if (ids.length > 0) return ids
  if (bosId === undefined) throw new MissingTokenError(path, 'bos_token', 'a text that is drawn from an empty prompt begins with it')
  return [bosId]
}

async function drawTogether(
  model: LoadedModel,
  start: readonly number[],
  generators: readonly Random[],
  { maxTokens, temperature }: SampleRequest,
  pause: () => Promise<void>,
): Promise<number[][]> {
  const texts = generators.map((generator) => ({ generator, read: [...start], drawn: [] as number[], open: true }))
  let past: Record<string, Tensor> | undefined
  for (let step = 0; step < maxTokens && texts.some(({ open }) => open); step++) {
    const output = await model.run(
      {
        input_ids: texts.map(({ read }) => (past ? read.slice(-1) : read)),
        attention_mask: texts.map(({ read }) => read.map(() => 1)),
      },
      {
        ...(past && { past_key_values: past }),
        ...(model.inputNames.includes('num_logits_to_keep') && { num_logits_to_keep: model.scalar(1) }),
      },
    )
    const { dims, data } = logitsOf(output, model.path)
    const [, places, vocabulary] = dims as [number, number, number]
    for (const [row, text] of texts.entries()) {
      const id = text.open
        ? draw(data.subarray((row * places + places - 1) * vocabulary, (row + 1) * places * vocabulary), temperature, text.generator)
        : model.padId
      if (id === undefined) throw new InvalidModelError(model.path, 'gives values that are not finite numbers')
      if (model.eosIds.includes(id)) text.open = false
      if (text.open) text.drawn.push(id)
      // What has ended goes on unread: the cache keeps its shape.
      text.read.push(id)
    }
    past = pastOf(output)
    await pause()
  }
  return texts.map(({ drawn }) => drawn)
}

/** What the next pass needs not compute again, by the names it takes it under; `undefined` for a model without a cache. */
function pastOf(output: Readonly<Record<string, Tensor>>): Record<string, Tensor> | undefined {
  const past = Object.entries(output)
    .filter(([name]) => name.startsWith('present'))
    // Attention has `present.0.key`; models with other states have `present_conv.0` and the like.
    .map(([name, tensor]) => [name.replace(/^present(?=\.)/, 'past_key_values').replace(/^present_/, 'past_'), tensor] as const)
  return past.length > 0 ? Object.fromEntries(past) : undefined
}

/** A token by its probability; the likeliest at temperature 0. `undefined` when the logits are no numbers. */
function draw(logits: Float32Array, temperature: number, generator: Random): number | undefined {
  let best = 0
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i
  if (!Number.isFinite(logits[best])) return undefined
  if (temperature === 0) return best
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - logits[best]!) / temperature))
  let left = generator.next() * weights.reduce((sum, weight) => sum + weight, 0)
  for (const [id, weight] of weights.entries()) {
    left -= weight
    if (left < 0) return id
  }
  return best
}

/** What was drawn as it reads after the prompt: decoders drop the space that a text begins with. */
function continuation(model: LoadedModel, start: readonly number[], ids: readonly number[]): string {
  const before = model.decode(start)
  const whole = model.decode([...start, ...ids])
  return whole.startsWith(before) ? whole.slice(before.length) : model.decode(ids)
}
