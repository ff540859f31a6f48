import type { Encoder } from '../encoder/encoder.ts'
import { isDense, type Expert } from '../expert/expert.ts'
import type { Route, Router } from '../routing/router.ts'
import type { Vector } from '../vector.ts'

/** Texts that are remembered: a few blocks of questions. */
const most = 2048

/**
 * The same encoder, experts and routers, which remember what they answered last: many systems ask the same questions. A text
 * gets the very same vector object again, by which an exact store knows that it has searched with it.
 */
export function remembering() {
  const encoders = new Map<Encoder, Encoder>()

  const encoder = (original: Encoder): Encoder => {
    const known = encoders.get(original) ?? rememberedEncoder(original)
    encoders.set(original, known)
    return known
  }

  return {
    encoder,
    expert(original: Expert): Expert {
      if (!isDense(original)) return original
      const queryEncoder = encoder(original.queryEncoder)
      if (original.kind !== 'adapter') return { ...original, queryEncoder }
      const adapted = new WeakMap<Vector, Vector>()
      const adapt = (vector: Vector): Vector => {
        const result = adapted.get(vector) ?? original.adapt(vector)
        adapted.set(vector, result)
        return result
      }
      return { ...original, queryEncoder, adapt }
    },
    router(original: Router): Router {
      const routes = recent<string, { readonly vector: Vector; readonly route: Route }>()
      return {
        ...original,
        experts: original.experts,
        route(query) {
          const known = routes.get(query.text)
          if (known?.vector === query.vector) return known.route
          const route = original.route(query)
          routes.set(query.text, { vector: query.vector, route })
          return route
        },
      }
    },
  }
}

/** For queries: truncation is reported the first time only. */
function rememberedEncoder(original: Encoder): Encoder {
  const vectors = recent<string, Promise<Vector>>()
  return {
    id: original.id,
    dimensions: original.dimensions,
    async encode(texts, options) {
      const answers = new Map(texts.map((text) => [text, vectors.get(text)]))
      const fresh = [...answers.keys()].filter((text) => answers.get(text) === undefined)
      if (fresh.length > 0) {
        const encoded = original.encode(fresh, options)
        fresh.forEach((text, i) => {
          const vector = encoded.then((list) => list[i]!)
          answers.set(text, vector)
          vectors.set(text, vector)
        })
        encoded.catch(() => fresh.forEach((text) => vectors.delete(text)))
      }
      return Promise.all(texts.map((text) => answers.get(text)!))
    },
    close: () => original.close(),
  }
}

/** A map that forgets what was put in first. */
function recent<Key, Value>() {
  const values = new Map<Key, Value>()
  return {
    get: (key: Key) => values.get(key),
    delete: (key: Key) => void values.delete(key),
    set(key: Key, value: Value) {
      values.set(key, value)
      if (values.size > most) values.delete(values.keys().next().value!)
    },
  }
}
