import type { MetadataFilter, MetadataFilters } from '@llamaindex/core/vector-store'
import { type Filter, type FilterCondition, type FilterScalar, InvalidArgumentError, UnsupportedError } from 'pilotfish'

/**
 * LlamaIndex's filters as a Pilotfish filter; a Pilotfish filter as it is. Semantics are those of LlamaIndex's
 * `SimpleVectorStore`: only `is_empty` holds where the key is missing. Where that one trips over its own feet (0 and ''
 * in `in`, a string compared with a number, a scalar asked for `any`), Pilotfish's sound rules apply.
 * @throws InvalidArgumentError, UnsupportedError
 */
export function toFilter(filters: MetadataFilters | Filter | undefined): Filter | undefined {
  if (!isMetadataFilters(filters)) return filters
  const { condition = 'and' } = filters
  if (condition !== 'and' && condition !== 'or') {
    throw new UnsupportedError(`The filter condition ${JSON.stringify(condition)} is not known.`, 'Conditions are "and" and "or".')
  }
  const parts = filters.filters.map(one)
  if (condition === 'and') return parts.length === 0 ? undefined : { $and: parts }
  return parts.length === 0 ? { $not: {} } : { $or: parts }
}

function isMetadataFilters(filters: MetadataFilters | Filter | undefined): filters is MetadataFilters {
  return Array.isArray((filters as MetadataFilters | undefined)?.filters)
}

function one(filter: MetadataFilter): Filter {
  const { key, operator = '==' } = filter
  if (typeof key !== 'string' || key === '') throw new InvalidArgumentError('filters', 'has a filter without a key')
  const translate = Object.hasOwn(operators, operator) ? operators[operator] : undefined
  if (!translate) {
    const known = Object.keys(operators).join(' ')
    throw new UnsupportedError(`The filter operator ${JSON.stringify(operator)} is not known.`, `Operators are ${known}.`)
  }
  return { [key]: translate(filter) }
}

const operators: Record<MetadataFilter['operator'], (filter: MetadataFilter) => FilterCondition> = {
  '==': (filter) => ({ $eq: scalar(filter) }),
  '!=': (filter) => ({ $exists: true, $ne: scalar(filter) }),
  '>': (filter) => ({ $gt: ordered(filter) }),
  '<': (filter) => ({ $lt: ordered(filter) }),
  '>=': (filter) => ({ $gte: ordered(filter) }),
  '<=': (filter) => ({ $lte: ordered(filter) }),
  in: (filter) => ({ $in: list(filter) }),
  nin: (filter) => ({ $exists: true, $nin: list(filter) }),
  any: (filter) => ({ $in: list(filter) }),
  all: (filter) => ({ $exists: true, $all: list(filter) }),
  contains: (filter) => ({ $eq: scalar(filter) }),
  text_match: (filter) => ({ $contains: String(ordered(filter)) }),
  is_empty: () => ({ $empty: true }),
}

function scalar(filter: MetadataFilter): FilterScalar {
  // LlamaIndex's types leave booleans out, but metadata holds them and its users ask for them.
  const value: unknown = filter.value
  return typeof value === 'boolean' ? value : ordered(filter)
}

function ordered(filter: MetadataFilter): string | number {
  const { value } = filter
  if (typeof value === 'string' || typeof value === 'number') return value
  throw wrongValue(filter, 'a string or a number')
}

function list(filter: MetadataFilter): readonly FilterScalar[] {
  const value: unknown = filter.value
  if (Array.isArray(value) && value.every((item) => ['string', 'number', 'boolean'].includes(typeof item))) return value as FilterScalar[]
  throw wrongValue(filter, 'a list of strings or numbers')
}

function wrongValue({ key, operator }: MetadataFilter, wanted: string): InvalidArgumentError {
  return new InvalidArgumentError('filters', `compares ${JSON.stringify(key)} by "${operator}" with something that is not ${wanted}`)
}
