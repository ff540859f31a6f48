import type { RoutedQuery } from '../../../src/routing/baselines/lessons.ts'
import { ask } from '../../conformance/router.ts'

/** A train query of toy words. */
export const lesson = (text: string, domain: string, scores: Readonly<Record<string, number>> = {}, set = domain): RoutedQuery => ({
  ...ask(text),
  set,
  domain,
  scores,
})

export const medicalTexts = [
  'fever dose for a child',
  'which dose for a cough',
  'child with fever',
  'cough and fever',
  'dose of syrup for a child',
]
export const shellTexts = ['grep a file', 'tar the file', 'find a process', 'grep the process list', 'untar a file with tar']
export const legalTexts = ['end a lease', 'court and tenant', 'lease clause', 'tenant in court', 'clause on the tenant']

/** Every expert answers the queries of its own set best. */
export const plainLessons: readonly RoutedQuery[] = [
  ...medicalTexts.map((text) => lesson(text, 'medical', { medical: 1, shell: 0.2, general: 0.5 })),
  ...shellTexts.map((text) => lesson(text, 'shell', { medical: 0.1, shell: 0.9, general: 0.5 })),
]
