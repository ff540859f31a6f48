import type { Engine, RetrieveOptions } from '../engine.ts'
import { InvalidArgumentError, UnknownExpertError } from '../errors.ts'
import type { AskedSystem } from './ask.ts'

/** Systems that need nothing but an engine, in the order they are reported. `expert:NAME` asks one expert throughout. */
export const systemNames = ['bm25', 'general', 'general+bm25', 'routed', 'routed+bm25'] as const

/** @throws InvalidArgumentError, UnknownExpertError for names that stand for no system of this engine */
export function systemsOf(engine: Engine, names: readonly string[] = systemNames): AskedSystem[] {
  const experts = engine.experts.list().map(({ name }) => name)
  return distinct(names).map((name) => engineSystem(name, engine, experts))
}

/** @throws InvalidArgumentError when there are none */
export function distinct(names: readonly string[]): string[] {
  if (names.length === 0) throw new InvalidArgumentError('systems', 'is empty')
  return [...new Set(names)]
}

/**
 * A system that is one engine asked with certain options.
 * @param further Names of systems that are more than that, for the error.
 * @throws InvalidArgumentError, UnknownExpertError
 */
export function engineSystem(
  name: string,
  engine: Pick<Engine, 'retrieveMany'>,
  experts: readonly string[],
  further: readonly string[] = [],
): AskedSystem {
  const options = optionsOf(name, experts, further)
  return {
    name,
    ...(name === 'routed+bm25' && { counts: 'routes and shares' }),
    ...(name === 'routed' && { counts: 'routes' }),
    ask: (texts, how) => engine.retrieveMany(texts, { ...options, ...how }),
  }
}

/** @throws InvalidArgumentError, UnknownExpertError */
export function optionsOf(name: string, experts: readonly string[], further: readonly string[] = []): RetrieveOptions {
  switch (name) {
    case 'bm25':
      return { lexicalWeight: 1 }
    case 'general':
      return { expert: named('general', experts), lexicalWeight: 0 }
    case 'general+bm25':
      // At the weight that the route gives, so that it differs from `routed+bm25` in the expert alone.
      return { expert: named('general', experts) }
    case 'routed':
      return { lexicalWeight: 0 }
    case 'routed+bm25':
      return {}
    default:
      if (name.startsWith('expert:')) return { expert: named(name.slice('expert:'.length), experts), lexicalWeight: 0 }
      throw new InvalidArgumentError(
        'systems',
        `names ${JSON.stringify(name)}`,
        `Systems: ${[...systemNames, 'expert:NAME', ...further].join(', ')}.`,
      )
  }
}

function named(expert: string, experts: readonly string[]): string {
  if (!experts.includes(expert)) throw new UnknownExpertError(expert, experts)
  return expert
}
