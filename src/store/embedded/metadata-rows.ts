import type { Filter, FilterScalar, Metadata } from '../../document.ts'
import { evaluate, isScalar, parseFilter, type FilterNode } from '../filter.ts'
import type { Connection } from './database.ts'
import { intersect, rowsOf, rowSet, union, without, type RowSet } from './row-set.ts'

/** The indexed mirror of the documents' metadata: one entry per key and value. */
export interface MetadataRows {
  insert(row: number, metadata: string | null): void
  delete(row: number, metadata: string | null): void
  /** Rows of the documents a filter selects, among `alive`. Remembered until `changed()`. */
  select(filter: Filter, alive: RowSet): RowSet
  changed(): void
}

/** What an entry's value is; part of the index key, so types never mix. `filled` and `hollow` say of a list or object that it is there. */
const kinds = { null: 0, boolean: 1, number: 2, string: 3, long: 4, filled: 5, hollow: 6 } as const
const isFilled = `kind IN (1, 2, 4, 5) OR (kind = 3 AND value <> '')`

/** Longer strings are indexed by their beginning, and read from the document to decide. */
const longest = 256
/** Fewer candidates than this are read and evaluated one by one rather than met with the next condition's rows. */
const fewRows = 64
const remembered = 32
const sqlOf = { $gt: '>', $gte: '>=', $lt: '<', $lte: '<=' } as const

export function metadataRows(database: Connection): MetadataRows {
  const insertEntry = database.prepare('INSERT OR IGNORE INTO metadata VALUES (?, ?, ?, ?)')
  const deleteEntry = database.prepare('DELETE FROM metadata WHERE key = ? AND kind = ? AND value = ? AND row = ?')
  const metadataOf = database.prepare('SELECT metadata FROM documents WHERE row = ?').pluck()
  const rowsWith = (condition: string) => database.prepare(`SELECT row FROM metadata WHERE key = ? AND ${condition}`).pluck()
  const withValue = rowsWith('kind = ? AND value = ?')
  const withLong = rowsWith(`kind = ${kinds.long}`)
  const present = rowsWith(`kind > ${kinds.null}`)
  const filled = rowsWith(`(${isFilled})`)
  const withText = rowsWith(`kind = ${kinds.string} AND instr(value, ?) > 0`)
  const ordered = {
    $gt: rowsWith(`kind = ? AND value ${sqlOf.$gt} ?`),
    $gte: rowsWith(`kind = ? AND value ${sqlOf.$gte} ?`),
    $lt: rowsWith(`kind = ? AND value ${sqlOf.$lt} ?`),
    $lte: rowsWith(`kind = ? AND value ${sqlOf.$lte} ?`),
  }
  const hasLists = database.prepare(`SELECT 1 FROM metadata WHERE key = ? AND kind = ${kinds.filled} LIMIT 1`).pluck()
  const between = new Map(
    (['$gt $lt', '$gt $lte', '$gte $lt', '$gte $lte'] as const).map((pair) => {
      const [lower, upper] = pair.split(' ').map((operator) => sqlOf[operator as keyof typeof sqlOf])
      return [pair as string, rowsWith(`kind = ${kinds.number} AND value ${lower} ? AND value ${upper} ?`)]
    }),
  )
  const cache = new Map<string, RowSet>()

  const holds = (node: FilterNode, row: number): boolean => {
    const metadata = metadataOf.get(row) as string | null | undefined
    return evaluate(node, metadata ? (JSON.parse(metadata) as Metadata) : undefined)
  }

  const solve = (node: FilterNode, alive: RowSet): RowSet => {
    const limit = alive.words.length * 32
    const rows = (found: unknown[]): RowSet => intersect(rowSet(found as number[], limit), alive)
    const verified = (candidates: unknown[], condition: FilterNode): number[] =>
      (candidates as number[]).filter((row) => holds(condition, row))
    const not = (set: RowSet): RowSet => without(alive, set)
    const equal = (key: string, value: FilterScalar): unknown[] => {
      const [kind, indexed] = entryOf(value)
      const found = withValue.all(key, kind, indexed)
      return kind === kinds.long ? verified(found, { kind: 'compare', key, operator: '$eq', operand: value }) : found
    }
    const any = (key: string, values: readonly FilterScalar[]): RowSet => rows(values.flatMap((value) => equal(key, value)))

    switch (node.kind) {
      case 'not':
        return not(solve(node.node, alive))
      case 'or':
        return node.nodes.reduce((set, child) => union(set, solve(child, alive)), rows([]))
      case 'and': {
        const range = rangeOf(node.nodes)
        // Where the key has lists, one element may meet each end.
        if (range && hasLists.get(range.key) === undefined)
          return rows(between.get(range.operators)!.all(range.key, range.lower, range.upper))
        let set = alive
        for (const child of [...node.nodes].sort((a, b) => breadth(a) - breadth(b))) {
          set = set.size <= fewRows ? rows([...rowsOf(set)].filter((row) => holds(child, row))) : intersect(set, solve(child, alive))
        }
        return set
      }
      case 'compare': {
        const { key, operator, operand } = node
        switch (operator) {
          case '$eq':
            return rows(equal(key, operand as FilterScalar))
          case '$ne':
            return not(rows(equal(key, operand as FilterScalar)))
          case '$in':
            return any(key, operand as readonly FilterScalar[])
          case '$nin':
            return not(any(key, operand as readonly FilterScalar[]))
          case '$all':
            return (operand as readonly FilterScalar[]).reduce((set, value) => intersect(set, rows(equal(key, value))), alive)
          case '$gt':
          case '$gte':
          case '$lt':
          case '$lte': {
            const found = ordered[operator].all(key, typeof operand === 'number' ? kinds.number : kinds.string, operand)
            return rows(typeof operand === 'number' ? found : [...found, ...verified(withLong.all(key), node)])
          }
          case '$contains':
            return rows([...withText.all(key, operand), ...verified(withLong.all(key), node)])
          case '$exists':
            return operand ? rows(present.all(key)) : not(rows(present.all(key)))
          case '$empty':
            return operand ? not(rows(filled.all(key))) : rows(filled.all(key))
        }
      }
    }
  }

  return {
    insert(row, metadata) {
      for (const [key, kind, value] of entriesOf(metadata)) insertEntry.run(key, kind, value, row)
    },
    delete(row, metadata) {
      for (const [key, kind, value] of entriesOf(metadata)) deleteEntry.run(key, kind, value, row)
    },
    select(filter, alive) {
      const node = parseFilter(filter)
      const name = JSON.stringify(node)
      let set = cache.get(name)
      if (!set) {
        set = solve(node, alive)
        if (cache.size >= remembered) cache.delete(cache.keys().next().value!)
        if (name.length < 10_000) cache.set(name, set)
      }
      return set
    },
    changed: () => cache.clear(),
  }
}

type Indexed = string | number

function entriesOf(json: string | null): [key: string, kind: number, value: Indexed][] {
  if (json === null) return []
  return Object.entries(JSON.parse(json) as Metadata).flatMap(([key, value]): [string, number, Indexed][] => {
    if (isScalar(value)) return [[key, ...entryOf(value)]]
    const there = Array.isArray(value) && value.length === 0 ? kinds.hollow : kinds.filled
    const scalars = Array.isArray(value) ? value.filter(isScalar) : []
    return [...scalars.map((scalar): [string, number, Indexed] => [key, ...entryOf(scalar)]), [key, there, 0]]
  })
}

function entryOf(value: FilterScalar): [kind: number, value: Indexed] {
  if (value === null) return [kinds.null, 0]
  if (typeof value === 'boolean') return [kinds.boolean, Number(value)]
  // Adding 0 turns -0 into 0.
  if (typeof value === 'number') return [kinds.number, value + 0]
  if (value.length <= longest) return [kinds.string, value]
  // Not through the middle of a surrogate pair.
  const end = value.charCodeAt(longest - 1) >= 0xd800 && value.charCodeAt(longest - 1) < 0xdc00 ? longest - 1 : longest
  return [kinds.long, value.slice(0, end)]
}

/** Two conditions that together are a range of numbers on one key. */
function rangeOf(nodes: readonly FilterNode[]): { key: string; operators: string; lower: number; upper: number } | undefined {
  const [a, b] = nodes
  if (nodes.length !== 2 || a?.kind !== 'compare' || b?.kind !== 'compare' || a.key !== b.key) return undefined
  const [from, to] = a.operator.startsWith('$g') ? [a, b] : [b, a]
  if (!from.operator.startsWith('$g') || !to.operator.startsWith('$l')) return undefined
  if (typeof from.operand !== 'number' || typeof to.operand !== 'number') return undefined
  return { key: a.key, operators: `${from.operator} ${to.operator}`, lower: from.operand, upper: to.operand }
}

/** A guess at how many documents a condition selects, to begin with the narrowest. */
function breadth(node: FilterNode): number {
  if (node.kind !== 'compare') return node.kind === 'not' ? 4 : 3
  if (node.operator === '$eq' || node.operator === '$in' || node.operator === '$all') return 1
  return node.operator === '$contains' ? 3 : node.operator === '$ne' || node.operator === '$nin' ? 4 : 2
}
