import { cpSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { embeddedStore } from '../../src/store/embedded.ts'
import { temporaryDirectory } from './temporary.ts'

/** A copy of an index as a released version wrote it. */
function released(version: string): string {
  const directory = temporaryDirectory()
  cpSync(fileURLToPath(new URL(`../fixtures/${version}`, import.meta.url)), directory, { recursive: true })
  return directory
}

describe.each([true, false])('an index of format 1, opened with readOnly %s', (readOnly) => {
  it('still opens, with everything in it', async () => {
    const store = await embeddedStore(released('index-v1'), { readOnly })

    expect(await store.info()).toMatchObject({
      documents: 3,
      spaces: [
        { space: 'base', dimensions: 4, vectors: 2 },
        { space: 'own', dimensions: 2, vectors: 1 },
      ],
    })
    expect(await store.get(['fever', 'gone', 'archive', '東京'])).toEqual([
      {
        document: {
          id: 'fever',
          title: 'Fever in children',
          text: 'Ibuprofen is dosed by weight.',
          metadata: { lang: 'en', year: 2024, tags: ['dose', 'child'], checked: true },
        },
        hash: 'h1',
        spaces: ['base', 'own'],
      },
      undefined,
      {
        document: { id: 'archive', text: 'tar -xzf unpacks a gzipped archive.', metadata: { lang: 'en', note: null } },
        hash: 'h2',
        spaces: ['base'],
      },
      { document: { id: '東京', text: '東京都の天気は晴れ。', metadata: { lang: 'ja', long: 'x'.repeat(300) } }, hash: 'h4', spaces: [] },
    ])
    expect(await store.vectors('base', ['fever', 'archive'])).toEqual([new Float32Array([1, 0, 0, 0]), new Float32Array([0, 1, 0, 0])])
    await store.close()
  })

  it('still answers', async () => {
    const store = await embeddedStore(released('index-v1'), { readOnly })

    const [dense, lexical, filtered, japanese] = await store.search([
      { vectors: [{ space: 'base', vector: new Float32Array([0, 1, 0, 0]) }], topK: 1 },
      { vectors: [], text: 'children', topK: 5 },
      { vectors: [{ space: 'base', vector: new Float32Array([1, 0, 0, 0]) }], topK: 5, filter: { tags: 'dose', year: { $gt: 2000 } } },
      { vectors: [], text: '天気', topK: 5, filter: { long: 'x'.repeat(300) } },
    ])

    expect(dense!.candidates).toEqual([{ id: 'archive', similarities: [1], lexical: 0 }])
    // k1 1, b 0.5, title weight 2, kept with the index: 3 documents of 11, 6 and 17 terms, the word twice in the first.
    const idf = Math.log(1 + 2.5 / 1.5)
    expect(lexical!.candidates).toEqual([
      { id: 'fever', similarities: [], lexical: expect.closeTo((idf * 2) / (2 + 0.5 + (0.5 * lengths.fever * 3) / lengths.all), 6) },
    ])
    expect(filtered!.candidates.map(({ id }) => id)).toEqual(['fever'])
    expect(japanese!.candidates.map(({ id }) => id)).toEqual(['東京'])
    await store.close()
  })
})

/** In terms: "ibuprofen dose weight" + 2 × "fever children"; "tar xzf unpack gzip archiv"; 東京都の天気は晴れ as characters and pairs. */
const lengths = { fever: 7, all: 7 + 5 + 17 }
