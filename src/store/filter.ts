import type { Filter, FilterCondition, FilterScalar, Metadata, MetadataValue } from '../document.ts'
import { InvalidFilterError } from '../errors.ts'

/** One comparison on one key. */
export interface Comparison {
  readonly operator: keyof FilterCondition
  readonly operand: FilterScalar | readonly FilterScalar[]
}

/** A filter that was checked: what every store compiles or evaluates. */
export type FilterNode =
  | { readonly kind: 'and' | 'or'; readonly nodes: readonly FilterNode[] }
  | { readonly kind: 'not'; readonly node: FilterNode }
  | ({ readonly kind: 'compare'; readonly key: string } & Comparison)

/** True when a document with this metadata is selected. @throws InvalidFilterError */
export function matches(filter: Filter, metadata: Metadata | undefined): boolean {
  return evaluate(parseFilter(filter), metadata)
}

/** Checks a filter and brings it into one shape. @throws InvalidFilterError */
export function parseFilter(filter: Filter): FilterNode {
  return parseGroup(filter, 0)
}

/** Evaluates a checked filter. */
export function evaluate(node: FilterNode, metadata: Metadata | undefined): boolean {
  switch (node.kind) {
    case 'and':
      return node.nodes.every((child) => evaluate(child, metadata))
    case 'or':
      return node.nodes.some((child) => evaluate(child, metadata))
    case 'not':
      return !evaluate(node.node, metadata)
    case 'compare': {
      const present = metadata !== undefined && Object.hasOwn(metadata, node.key)
      return compare(node, present ? metadata[node.key] : undefined)
    }
  }
}

/** Orders strings by code point, as SQLite and PostgreSQL (collation "C") do; JavaScript's `<` orders by UTF-16 unit. */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0
  const n = Math.min(a.length, b.length)
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    // Surrogates stand for code points above every other unit, yet lie below U+E000 to U+FFFF.
    const xSurrogate = (x & 0xf800) === 0xd800
    const ySurrogate = (y & 0xf800) === 0xd800
    return xSurrogate === ySurrogate ? x - y : xSurrogate ? 1 : -1
  }
  return a.length - b.length
}

/** True for what a filter can compare with. */
export function isScalar(value: unknown): value is FilterScalar {
  return value === null || typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
}

/** True when a string has half of a surrogate pair, which neither UTF-8 nor a database can hold. */
export function hasLoneSurrogate(text: string): boolean {
  return /\p{Surrogate}/u.test(text)
}

const deepest = 32

function parseGroup(filter: unknown, depth: number): FilterNode {
  if (!isRecord(filter)) throw new InvalidFilterError(`has ${describe(filter)} where an object belongs`)
  if (depth > deepest) throw new InvalidFilterError(`nests deeper than ${deepest} levels`)
  const nodes: FilterNode[] = []
  for (const [key, value] of Object.entries(filter)) {
    // Ignoring an undefined value would select everything: `delete({ filter: { tenant: undefined } })`.
    if (value === undefined) throw new InvalidFilterError(`has no value for ${JSON.stringify(key)}`)
    if (key === '$and' || key === '$or') {
      if (!Array.isArray(value)) throw new InvalidFilterError(`gives ${key} ${describe(value)} where a list of filters belongs`)
      nodes.push({ kind: key === '$and' ? 'and' : 'or', nodes: value.map((child) => parseGroup(child, depth + 1)) })
    } else if (key === '$not') {
      nodes.push({ kind: 'not', node: parseGroup(value, depth + 1) })
    } else if (key.startsWith('$')) {
      throw new InvalidFilterError(`has the unknown operator ${JSON.stringify(key)}`)
    } else {
      if (hasLoneSurrogate(key)) throw new InvalidFilterError('has a key with half of a surrogate pair')
      nodes.push(parseCondition(key, value))
    }
  }
  return nodes.length === 1 ? nodes[0]! : { kind: 'and', nodes }
}

function parseCondition(key: string, value: unknown): FilterNode {
  if (!isRecord(value)) return { kind: 'compare', key, operator: '$eq', operand: checkScalar(key, '$eq', value) }
  const entries = Object.entries(value)
  if (entries.length === 0) throw new InvalidFilterError(`has no operator for ${JSON.stringify(key)}`)
  const nodes = entries.map(([operator, operand]): FilterNode => {
    const check = checks[operator as keyof FilterCondition]
    if (!check || !Object.hasOwn(checks, operator)) {
      throw new InvalidFilterError(`has the unknown operator ${JSON.stringify(operator)} for ${JSON.stringify(key)}`)
    }
    return { kind: 'compare', key, operator: operator as keyof FilterCondition, operand: check(key, operator, operand) }
  })
  return nodes.length === 1 ? nodes[0]! : { kind: 'and', nodes }
}

type Check = (key: string, operator: string, operand: unknown) => FilterScalar | readonly FilterScalar[]

const checkScalar: Check = (key, operator, operand) => {
  if (!isScalar(operand)) refuse(key, operator, operand, 'a string, a finite number, a boolean or null')
  return checkText(operand)
}
const checkList: Check = (key, operator, operand) => {
  if (!Array.isArray(operand) || !operand.every(isScalar))
    refuse(key, operator, operand, 'a list of strings, finite numbers, booleans or nulls')
  return operand.map(checkText)
}
const checkOrdered: Check = (key, operator, operand) => {
  if (typeof operand !== 'string' && !(typeof operand === 'number' && Number.isFinite(operand))) {
    refuse(key, operator, operand, 'a string or a finite number')
  }
  return checkText(operand)
}
const checkString: Check = (key, operator, operand) => {
  if (typeof operand !== 'string') refuse(key, operator, operand, 'a string')
  return checkText(operand)
}
const checkBoolean: Check = (key, operator, operand) => {
  if (typeof operand !== 'boolean') refuse(key, operator, operand, 'true or false')
  return operand
}

const checks: Readonly<Record<keyof FilterCondition, Check>> = {
  $eq: checkScalar,
  $ne: checkScalar,
  $in: checkList,
  $nin: checkList,
  $gt: checkOrdered,
  $gte: checkOrdered,
  $lt: checkOrdered,
  $lte: checkOrdered,
  $all: checkList,
  $contains: checkString,
  $exists: checkBoolean,
  $empty: checkBoolean,
}

function checkText(value: FilterScalar): FilterScalar {
  // A database would turn the half pair into U+FFFD and match other documents.
  if (typeof value === 'string' && hasLoneSurrogate(value)) throw new InvalidFilterError('has a string with half of a surrogate pair')
  return value
}

function refuse(key: string, operator: string, operand: unknown, wanted: string): never {
  throw new InvalidFilterError(`gives ${operator} of ${JSON.stringify(key)} ${describe(operand)} where ${wanted} belongs`)
}

function compare({ operator, operand }: Comparison, value: MetadataValue | undefined): boolean {
  const scalars = Array.isArray(value) ? value.filter(isScalar) : isScalar(value) ? [value] : []
  switch (operator) {
    case '$eq':
      return scalars.includes(operand as FilterScalar)
    case '$ne':
      return !scalars.includes(operand as FilterScalar)
    case '$in':
      return (operand as readonly FilterScalar[]).some((item) => scalars.includes(item))
    case '$nin':
      return !(operand as readonly FilterScalar[]).some((item) => scalars.includes(item))
    case '$all':
      return (operand as readonly FilterScalar[]).every((item) => scalars.includes(item))
    case '$gt':
      return scalars.some((item) => order(item, operand) > 0)
    case '$gte':
      return scalars.some((item) => order(item, operand) >= 0)
    case '$lt':
      return scalars.some((item) => order(item, operand) < 0)
    case '$lte':
      return scalars.some((item) => order(item, operand) <= 0)
    case '$contains':
      return scalars.some((item) => typeof item === 'string' && item.includes(operand as string))
    case '$exists':
      return (value !== undefined && value !== null) === operand
    case '$empty':
      return (value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)) === operand
  }
}

/** Negative, zero or positive; NaN, which compares with nothing, across types. */
function order(a: FilterScalar, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b)
  return NaN
}

function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null
}

function describe(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'number') return String(value)
  return typeof value === 'object' ? 'an object' : typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`
}
