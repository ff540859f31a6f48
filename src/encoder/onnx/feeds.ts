/** What a graph is given, by the names of its inputs. Whole numbers become those of the graph's own type. */
export type Feeds = Readonly<Record<string, { readonly values: Float32Array | BigInt64Array; readonly sides: readonly number[] }>>

/** Token sequences in the form a graph reads them: all in one row with offsets, or as a padded matrix with its mask. */
export function sequenceFeeds(sequences: readonly Uint32Array[], form: 'flat' | 'padded', padId: number): Feeds {
  if (form === 'flat') {
    let offset = 0
    const offsets = BigInt64Array.from(sequences, ({ length }) => BigInt((offset += length) - length))
    return {
      input_ids: {
        values: BigInt64Array.from(
          sequences.flatMap((ids) => [...ids]),
          BigInt,
        ),
        sides: [offset],
      },
      offsets: { values: offsets, sides: [sequences.length] },
    }
  }
  const width = Math.max(...sequences.map(({ length }) => length))
  const matrix = (value: (ids: Uint32Array, position: number) => number): Feeds[string] => {
    const values = new BigInt64Array(sequences.length * width)
    sequences.forEach((ids, row) => {
      for (let position = 0; position < width; position++) values[row * width + position] = BigInt(value(ids, position))
    })
    return { values, sides: [sequences.length, width] }
  }
  return {
    input_ids: matrix((ids, position) => ids[position] ?? padId),
    attention_mask: matrix((ids, position) => (position < ids.length ? 1 : 0)),
    token_type_ids: matrix(() => 0),
    position_ids: matrix((_, position) => position),
  }
}
