/** Words remembered, in two generations of half as many: some megabytes. */
const mostWords = 32_768
/** Longer ones are rarely seen twice. */
const longestWord = 48

/**
 * Whether a tokenizer takes the parts of a text between blanks, and the marks that end them, one by one, so that a part always gives the
 * same ids: BERT's way of splitting, over normalisers that look no further than a blank. Byte-level and SentencePiece tokenizers see the blanks themselves.
 * @param definition `tokenizer.json`.
 * @param config `tokenizer_config.json`.
 */
export function splitsAtBlanks(definition: Readonly<Record<string, unknown>>, config: Readonly<Record<string, unknown>>): boolean {
  const model = definition.model as Part
  return (
    typeOf(definition.pre_tokenizer) === 'BertPreTokenizer' &&
    typeOf(model) === 'WordPiece' &&
    !model?.fuse_unk &&
    !config.remove_space &&
    !config.do_lowercase_and_remove_accent &&
    looksNoFurther(definition.normalizer as Part) &&
    ((definition.added_tokens ?? []) as Record<string, unknown>[]).every(
      ({ content, lstrip, rstrip, special, normalized }) =>
        !lstrip && !rstrip && (special ? normalized !== true : normalized === false) && !/[\s.,;:!?)]/.test(String(content)),
    )
  )
}

/** Remembers the ids of words and of the marks that end them, for a tokenizer that splits at blanks. */
export function byWord(tokenize: (text: string) => readonly number[]): (text: string) => readonly number[] {
  let young = new Map<string, readonly number[]>()
  let old = new Map<string, readonly number[]>()

  const idsOf = (word: string): readonly number[] => {
    const known = young.get(word)
    if (known) return known
    const ids = old.get(word) ?? tokenize(word)
    if (young.size * 2 >= mostWords) {
      old = young
      young = new Map()
    }
    // A slice of a text would keep all of the text.
    young.set(` ${word}`.slice(1), ids)
    return ids
  }

  return (text) => {
    const all: number[] = []
    const add = (start: number, end: number): void => {
      // Words are as good as never repeated with the same marks behind them.
      let bare = end
      while (bare - start > 1 && isMark(text.charCodeAt(bare - 1))) bare--
      const word = text.slice(start, bare)
      for (const id of bare - start > longestWord ? tokenize(word) : idsOf(word)) all.push(id)
      for (; bare < end; bare++) for (const id of idsOf(text[bare]!)) all.push(id)
    }
    let start = -1
    for (let at = 0; at < text.length; at++) {
      if (isBlank(text.charCodeAt(at))) {
        if (start >= 0) add(start, at)
        start = -1
      } else if (start < 0) start = at
    }
    if (start >= 0) add(start, text.length)
    return all
  }
}

type Part = Readonly<Record<string, unknown>> | null | undefined

function typeOf(part: unknown): unknown {
  return (part as Part)?.type
}

/** The four that everybody takes for blanks; others stay parts of a word, for the tokenizer to judge. */
function isBlank(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9
}

/** `.,;:!?)`, each of which is a part of its own wherever it stands. */
function isMark(code: number): boolean {
  return code === 46 || code === 44 || code === 59 || code === 58 || code === 33 || code === 63 || code === 41
}

function looksNoFurther(normalizer: Part): boolean {
  switch (normalizer?.type) {
    case undefined:
    case 'BertNormalizer':
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
    case 'Lowercase':
    case 'StripAccents':
      return true
    case 'Sequence':
      return (normalizer.normalizers as Part[]).every(looksNoFurther)
    case 'Replace': {
      // Letters, digits and classes of them cannot match a blank.
      const pattern = normalizer.pattern as Part
      const source = pattern?.Regex ?? pattern?.String
      return normalizer.content === ' ' && typeof source === 'string' && /^[\w|[\]()?<=-]+$/.test(source)
    }
    default:
      return false
  }
}
