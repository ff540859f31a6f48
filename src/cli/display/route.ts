import type { Route } from '../../index.ts'
import type { Palette } from './colour.ts'
import { bar } from './numbers.ts'
import { column } from './text.ts'

/** A route as a few lines: the decision, then every expert's score as a bar, best first. */
export function routeLines(route: Route, { bold, dim, cyan }: Palette, limit = 6): string[] {
  const asked = new Set(route.experts.map(({ name }) => name))
  const facts = dim(`confidence ${route.confidence.toFixed(2)} · BM25 ${route.lexicalWeight.toFixed(2)}`)
  const scores = route.scores.slice(0, limit).map(({ expert, score }) => {
    const paint = asked.has(expert) ? cyan : dim
    return `  ${paint(column(expert, 14))} ${paint(bar(score, 24))} ${score.toFixed(2)}`
  })
  const rest = route.scores.length - scores.length
  return [`${decision(route, bold)}  ${facts}`, ...scores, ...(rest > 0 ? [dim(`  and ${rest} more`)] : [])]
}

function decision({ decision: kind, experts }: Route, bold: (text: string) => string): string {
  const names = experts.map(({ name, weight }) => (experts.length > 1 ? `${bold(name)} ${weight.toFixed(2)}` : bold(name))).join(' + ')
  if (kind === 'fallback') return `→ ${names} (far from every expert)`
  if (kind === 'forced') return `→ ${names} (as asked)`
  return `→ ${names}`
}
