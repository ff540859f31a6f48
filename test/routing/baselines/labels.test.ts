import { describe, expect, it } from 'vitest'
import { expertsOf, labelled, labelOf } from '../../../src/routing/baselines/lessons.ts'
import { lesson, plainLessons } from './lessons.ts'

const experts = ['medical', 'shell', 'legal']

describe('labels of train queries', () => {
  it('name the experts in the order of the first query, and never the general one', () => {
    expect(expertsOf(plainLessons)).toEqual(['medical', 'shell'])
    expect(expertsOf([lesson('lease', 'general', { general: 1, legal: 0.5 })])).toEqual(['legal'])
  })

  it('go to the expert that answers best, whatever the domain', () => {
    expect(labelOf(lesson('fever', 'medical', { medical: 0.4, shell: 0.6 }), experts)).toBe('shell')
    expect(labelOf(lesson('fever', 'medical', { medical: 0.4, shell: 0.6 }), experts, { label: 'domain' })).toBe('medical')
  })

  it('look only at the experts there are', () => {
    expect(labelOf(lesson('fever', 'medical', { medical: 0.4, shell: 0.6, general: 1 }), ['medical'])).toBe('medical')
    expect(labelOf(lesson('fever', 'medical', {}), ['shell'])).toBeUndefined()
  })

  it('give ties to the first expert, to the domain, or to nobody, as asked', () => {
    const tied = lesson('lease', 'legal', { medical: 0, shell: 0, legal: 0 })

    expect(labelOf(tied, experts)).toBe('medical')
    expect(labelOf(tied, experts, { ties: 'domain' })).toBe('legal')
    expect(labelOf(tied, experts, { ties: 'drop' })).toBeUndefined()
  })

  it('give a tie that the domain lost to the first of those that tie', () => {
    expect(labelOf(lesson('lease', 'legal', { medical: 1, shell: 1, legal: 0 }), experts, { ties: 'domain' })).toBe('medical')
  })

  it('leave queries out that were not searched, unless none was', () => {
    const unsearched = lesson('lease', 'legal')

    expect(labelled([...plainLessons, unsearched], {})).toEqual(plainLessons)
    expect(labelled([...plainLessons, unsearched], { label: 'domain' })).toHaveLength(11)
    expect(labelled([unsearched], {})).toEqual([unsearched])
    expect(labelOf(unsearched, experts)).toBe('legal')
  })
})
