/** A metadata value that filters can see: a scalar or a list of scalars. Anything else JSON can hold is stored and returned, but not filterable. */
export type MetadataValue = string | number | boolean | null | readonly MetadataValue[] | { readonly [key: string]: MetadataValue }

/** Free-form JSON about a document. Top-level keys can be filtered on. */
export type Metadata = { readonly [key: string]: MetadataValue }

/** What is stored, searched and returned. */
export interface Document {
  /** Unique in a store; adding a document under an id that exists replaces it. */
  readonly id: string
  /** The body. May be empty: such a document is found by id, filter or title only. */
  readonly text: string
  /** Weighs more than the body in BM25; put before the body when embedded. */
  readonly title?: string
  readonly metadata?: Metadata
}

/** What an encoder reads of a document: title, a space, body (BEIR's convention). */
export function embeddedText(document: Document): string {
  return document.title ? `${document.title} ${document.text}` : document.text
}

/** A scalar a filter compares with. */
export type FilterScalar = string | number | boolean | null

/** Comparisons on one metadata key. All that are given must hold. On a list value, `$eq`, `$in` and the order comparisons hold when any element does. */
export interface FilterCondition {
  readonly $eq?: FilterScalar
  /** Holds also where the key is missing. */
  readonly $ne?: FilterScalar
  readonly $in?: readonly FilterScalar[]
  /** Holds also where the key is missing. */
  readonly $nin?: readonly FilterScalar[]
  /** Numbers are compared as numbers, strings by code point; a string never compares with a number. */
  readonly $gt?: string | number
  readonly $gte?: string | number
  readonly $lt?: string | number
  readonly $lte?: string | number
  /** The list holds every one of these. */
  readonly $all?: readonly FilterScalar[]
  /** The string (or any string of the list) contains this text, case-sensitively. */
  readonly $contains?: string
  /** Present and not null. */
  readonly $exists?: boolean
  /** Missing, null, an empty string or an empty list. */
  readonly $empty?: boolean
}

/**
 * Selects documents by metadata: `{ year: { $gte: 2020 }, lang: 'en' }`. Keys are joined by *and*; `$and`, `$or` and
 * `$not` nest. A key that starts with `$` and is none of these is an error. `{}` selects everything.
 */
export interface Filter {
  readonly [key: string]: FilterScalar | FilterCondition | readonly Filter[] | Filter | undefined
  readonly $and?: readonly Filter[]
  readonly $or?: readonly Filter[]
  readonly $not?: Filter
}

/** Documents named one by one, or by a filter. */
export type Selection = { readonly ids: readonly string[] } | { readonly filter: Filter }
