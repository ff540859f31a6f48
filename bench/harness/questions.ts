import type { CorpusQuery } from './corpus.ts'

/** Example questions of the domains that have the most, and others of all domains to be asked. */
export interface Questions {
  readonly domains: Readonly<Record<string, readonly string[]>>
  readonly asked: readonly string[]
}

/** Takes questions apart: up to `experts` domains of `examples` each, and `count` to ask, none of which is an example. */
export function questionsOf(
  queries: readonly CorpusQuery[],
  { experts, examples, count }: { readonly experts: number; readonly examples: number; readonly count: number },
): Questions {
  const bySet = new Map<string, string[]>()
  for (const { text, set } of queries) bySet.set(set, [...(bySet.get(set) ?? []), text])
  const largest = [...bySet].sort((a, b) => b[1].length - a[1].length).slice(0, experts)
  const domains = Object.fromEntries(largest.map(([set, texts]) => [set, texts.slice(0, examples)]))
  const taken = new Set(Object.values(domains).flat())
  return { domains, asked: [...new Set(queries.map(({ text }) => text))].filter((text) => !taken.has(text)).slice(0, count) }
}
