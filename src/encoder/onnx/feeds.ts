/** What a graph is given, by the names of its inputs. Whole numbers become those of the graph's own type. */
export type Feeds = Readonly<Record<string, { readonly values: Float32Array | BigInt64Array; readonly sides: readonly number[] }>>

/**
 * Token sequences in the form a graph reads them: all in one row with offsets, or as a padded matrix with its mask.
 * @param wanted The names of the graph's inputs; nothing else is made.
 */
export function sequenceFeeds(
  sequences: readonly Uint32Array[],
  form: 'flat' | 'padded',
  padId: number,
  wanted: { has(input: string): boolean },
): Feeds {
  return form === 'flat' ? flatFeeds(sequences) : paddedFeeds(sequences, padId, wanted)
}

function flatFeeds(sequences: readonly Uint32Array[]): Feeds {
  let size = 0
  for (const { length } of sequences) size += length
  const ids = wholeNumbers(size)
  const offsets = wholeNumbers(sequences.length)
  let at = 0
  sequences.forEach((sequence, row) => {
    offsets.low[2 * row] = at
    for (let i = 0; i < sequence.length; i++) ids.low[2 * at++] = sequence[i]!
  })
  return { input_ids: { values: ids.values, sides: [size] }, offsets: { values: offsets.values, sides: [sequences.length] } }
}

function paddedFeeds(sequences: readonly Uint32Array[], padId: number, wanted: { has(input: string): boolean }): Feeds {
  const rows = sequences.length
  let width = 0
  for (const { length } of sequences) width = Math.max(width, length)
  const sides = [rows, width]
  const ids = wholeNumbers(rows * width)
  const mask = wholeNumbers(rows * width)
  for (let row = 0; row < rows; row++) {
    const sequence = sequences[row]!
    const start = row * width
    for (let i = 0; i < sequence.length; i++) {
      ids.low[2 * (start + i)] = sequence[i]!
      mask.low[2 * (start + i)] = 1
    }
    if (padId !== 0) for (let i = sequence.length; i < width; i++) ids.low[2 * (start + i)] = padId
  }
  return {
    input_ids: { values: ids.values, sides },
    attention_mask: { values: mask.values, sides },
    ...(wanted.has('token_type_ids') && { token_type_ids: { values: zeros(rows * width), sides } }),
    ...(wanted.has('position_ids') && { position_ids: { values: positions(rows, width), sides } }),
  }
}

/**
 * 64-bit integers, zero at first, and their lower halves at the even places of `low`: a BigInt for each number costs as much as the
 * tokenizer. All processors that onnxruntime is built for are little-endian.
 */
function wholeNumbers(size: number): { readonly values: BigInt64Array; readonly low: Uint32Array } {
  const values = new BigInt64Array(size)
  return { values, low: new Uint32Array(values.buffer) }
}

let someZeros = new BigInt64Array(512)

/** Nobody writes into them. */
function zeros(size: number): BigInt64Array {
  if (someZeros.length < size) someZeros = new BigInt64Array(size)
  return someZeros.subarray(0, size)
}

let numbered: { readonly rows: number; readonly width: number; readonly values: BigInt64Array } = {
  rows: 0,
  width: 0,
  values: new BigInt64Array(0),
}

/** 0, 1, 2 … in each row; batches of one shape follow each other. */
function positions(rows: number, width: number): BigInt64Array {
  if (numbered.width !== width || numbered.rows < rows) {
    const { values, low } = wholeNumbers(rows * width)
    for (let at = 0; at < rows * width; at++) low[2 * at] = at % width
    numbered = { rows, width, values }
  }
  return numbered.values.subarray(0, rows * width)
}
