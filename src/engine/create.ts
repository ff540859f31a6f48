import type { AddExpertOptions, Engine, Experts } from '../engine.ts'
import type { Encoder } from '../encoder/encoder.ts'
import {
  ClosedError,
  DimensionMismatchError,
  DuplicateExpertError,
  InvalidArgumentError,
  NoExpertsError,
  UnsupportedError,
} from '../errors.ts'
import { isDense, type Expert } from '../expert/expert.ts'
import type { Fusion } from '../routing/fusion.ts'
import type { Router } from '../routing/router.ts'
import type { Store } from '../store/store.ts'
import { answer } from './answer.ts'
import { checkRetrieveOptions, checkVectors, queryText } from './check.ts'
import { backfill, ingest } from './ingest.ts'
import { candidates, decide, documentEncoders, expertNamed, type Roster } from './roster.ts'
import { surveyor } from './surveyor.ts'

export interface EngineParts {
  /** Embeds every query once; what routers see. */
  readonly base: Encoder
  readonly experts: readonly Expert[]
  /** Name of the expert that queries far from all others fall back to. */
  readonly general: string
  /** Without one every query falls back. */
  readonly router?: Router
  readonly fusion: Fusion
  readonly store: Store
  /** Closed with the engine; what the caller brought stays the caller's. */
  readonly owned?: readonly { close(): Promise<void> }[]
}

/** Puts an engine together from its parts. `openPilotfish` does this with the defaults. */
export function createEngine({ base, experts: initial, general, router, fusion, store, owned = [store] }: EngineParts): Engine {
  if (initial.length === 0) throw new NoExpertsError()
  let roster: Roster = { experts: new Map(initial.map((expert) => [expert.name, expert])), router, general }
  // A space is written to from the moment its backfill begins, so documents added meanwhile are not missed.
  let incoming = new Map<string, Encoder>()
  let closing: Promise<void> | undefined
  const running = new Set<Promise<unknown>>()
  const commits = new Set<Promise<unknown>>()
  const surveys = surveyor(base, store)
  const encoders = (): Map<string, Encoder> => new Map([...documentEncoders(roster), ...incoming])

  /** Every public call runs through here: refused once closed, awaited by `close`. */
  const run = async <T>(task: () => Promise<T>): Promise<T> => {
    if (closing) throw new ClosedError('The engine')
    return during(running, task())
  }

  const addExpert = async (expert: Expert, { queries = [], lexicalWeight, signal, onProgress }: AddExpertOptions): Promise<void> => {
    checkExpert(expert, base)
    if (roster.experts.has(expert.name)) throw new DuplicateExpertError(expert.name)
    const texts = queries.map((query, i) => queryText(query, i).text)
    const vectors = checkVectors(await base.encode(texts, signal && { signal }), texts.length, base.dimensions, 'the base encoder')

    if (isDense(expert) && !encoders().has(expert.documentEncoder.id)) {
      const space = new Map([[expert.documentEncoder.id, expert.documentEncoder]])
      incoming = new Map([...incoming, ...space])
      try {
        await Promise.allSettled(commits)
        await backfill(store, space, { ...(signal && { signal }), ...(onProgress && { onProgress }) })
      } finally {
        incoming = new Map([...incoming].filter(([id]) => !space.has(id)))
      }
    }
    if (roster.experts.has(expert.name)) throw new DuplicateExpertError(expert.name)
    if (texts.length > 0 && !roster.router) {
      throw new UnsupportedError(
        'This engine has no router to teach queries to.',
        'Open it with a router or a pack, or add the expert without queries and name it when asking.',
      )
    }
    const pilots = texts.map((text, i) => ({ text, vector: vectors[i]! }))
    roster = {
      ...roster,
      experts: new Map([...roster.experts, [expert.name, expert]]),
      router:
        pilots.length > 0
          ? roster.router?.with({ expert: expert.name, pilots, ...(lexicalWeight !== undefined && { lexicalWeight }) })
          : roster.router,
    }
  }

  const experts: Experts = {
    add: (expert, options = {}) => run(() => addExpert(expert, options)),
    remove: (name) =>
      run(async () => {
        expertNamed(roster, name)
        if (roster.experts.size === 1) throw new NoExpertsError(name)
        const left = new Map(roster.experts)
        left.delete(name)
        roster = { ...roster, experts: left, router: roster.router?.without(name) }
      }),
    list: () =>
      [...roster.experts.values()].map((expert) => ({
        name: expert.name,
        kind: expert.kind,
        description: expert.description ?? '',
        ...(expert.task !== undefined && { task: expert.task }),
        space: isDense(expert) ? expert.documentEncoder.id : undefined,
        routed: roster.router?.experts.includes(expert.name) ?? false,
        ...(expert.heldOut && { heldOut: expert.heldOut }),
        ...(expert.late !== undefined && { late: expert.late }),
      })),
  }

  return {
    experts,
    add: (documents, options = {}) =>
      run(() =>
        ingest(
          store,
          encoders,
          documents,
          (commit) => during(commits, commit),
          options,
          (count) => surveys.changed(count),
        ),
      ),
    delete: (selection, options) =>
      run(async () => {
        const deleted = await store.delete(selection, options)
        surveys.changed(deleted)
        return deleted
      }),
    retrieve: (query, options = {}) => run(async () => (await answer({ base, store, fusion, surveys }, roster, [query], options))[0]!),
    retrieveMany: (queries, options = {}) =>
      run(() => {
        if (!Array.isArray(queries))
          throw new InvalidArgumentError('queries', 'must be a list of strings', 'For one question use retrieve().')
        return answer({ base, store, fusion, surveys }, roster, queries, options)
      }),
    route: (query, options = {}) =>
      run(async () => {
        checkRetrieveOptions(options)
        const current = roster
        candidates(current, options)
        const { text } = queryText(query, 0)
        const [vector] = await base.encode([text], options.signal && { signal: options.signal })
        const survey = await surveys.survey(current.router)
        return decide(current, { text, vector: vector!, ...(survey && { survey }) }, options)
      }),
    get: (ids) => run(async () => (await store.get(ids)).map((stored) => stored?.document)),
    info: () => run(() => store.info()),
    close() {
      closing ??= (async () => {
        await Promise.allSettled(running)
        for (const part of owned) await part.close()
      })()
      return closing
    },
  }
}

async function during<T>(set: Set<Promise<unknown>>, promise: Promise<T>): Promise<T> {
  set.add(promise)
  try {
    return await promise
  } finally {
    set.delete(promise)
  }
}

/** @throws InvalidArgumentError, DimensionMismatchError */
function checkExpert(expert: Expert, base: Encoder): void {
  if (typeof expert?.name !== 'string' || !/^[\w-]{1,64}$/.test(expert.name)) {
    throw new InvalidArgumentError('expert.name', `is ${JSON.stringify(expert?.name)} but must be 1 to 64 letters, digits, "-" or "_"`)
  }
  const { task } = expert
  if (task !== undefined && !(typeof task === 'string' && task !== '' && task.trim() === task))
    throw new InvalidArgumentError('expert.task', `is ${JSON.stringify(task)} but must be the name of a task, without spaces around it`)
  if (!isDense(expert)) return
  const { queryEncoder, documentEncoder, name } = expert
  const actual = expert.kind === 'adapter' ? expert.adapt(new Float32Array(base.dimensions)).length : queryEncoder.dimensions
  if (actual !== documentEncoder.dimensions)
    throw new DimensionMismatchError(`The space of expert "${name}"`, documentEncoder.dimensions, actual)
}
