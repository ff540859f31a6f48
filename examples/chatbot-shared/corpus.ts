import { readFile } from 'node:fs/promises'
import type { Document } from 'pilotfish'

/** The documents of the demo: a few hundred short texts over the domains of the bundled experts. */
export async function demoCorpus(): Promise<Document[]> {
  const lines = (await readFile(new URL('../demo/corpus.jsonl', import.meta.url), 'utf8')).split('\n')
  return lines.filter((line) => line.trim() !== '').map((line) => JSON.parse(line) as Document)
}
