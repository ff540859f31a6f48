import type { Engine, RetrieveOptions } from '../engine.ts'
import { InvalidArgumentError, UnknownExpertError } from '../errors.ts'

/** One way of asking an engine, under the name its scores are reported by. */
export interface System {
  readonly name: string
  readonly options: RetrieveOptions
}

/** Systems that need nothing but an engine, in the order they are reported. `expert:NAME` asks one expert throughout. */
export const systemNames = ['bm25', 'general', 'general+bm25', 'routed', 'routed+bm25'] as const

/** @throws InvalidArgumentError, UnknownExpertError for names that stand for no system of this engine */
export function systemsOf(engine: Engine, names: readonly string[] = systemNames): System[] {
  if (names.length === 0) throw new InvalidArgumentError('systems', 'is empty')
  const experts = engine.experts.list().map(({ name }) => name)
  return [...new Set(names)].map((name) => ({ name, options: optionsOf(name, experts) }))
}

function optionsOf(name: string, experts: readonly string[]): RetrieveOptions {
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
      throw new InvalidArgumentError('systems', `names ${JSON.stringify(name)}`, `Systems: ${systemNames.join(', ')}, expert:NAME.`)
  }
}

function named(expert: string, experts: readonly string[]): string {
  if (!experts.includes(expert)) throw new UnknownExpertError(expert, experts)
  return expert
}
