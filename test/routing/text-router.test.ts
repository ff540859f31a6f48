import { describe, expect, it } from 'vitest'
import { textFeatures } from '../../src/routing/features.ts'
import { defaultDecision, textRouter, type TextRouter } from '../../src/routing/text-router.ts'
import { ask, describeRouter, evidence, legal, medical, shell } from '../conformance/router.ts'

describeRouter('textRouter', (experts) => textRouter(experts))

describe('textRouter', () => {
  it('hears words the encoder does not know', () => {
    const router = textRouter([
      evidence('medical', ['fever with chills', 'child with chills', 'chills and cough']),
      evidence('shell', ['file with symlinks', 'symlinks to a process', 'grep symlinks']),
    ])

    const route = router.route({ text: 'what are chills', vector: ask('file fever').vector })

    expect(route.scores[0]!.expert).toBe('medical')
  })

  it('asks two experts about a question that names two domains', () => {
    const route = textRouter([medical, shell, legal]).route(ask('grep a file, and fever of a child'))

    expect(route.decision).toBe('fused')
    expect(route.experts.map(({ name }) => name).sort()).toEqual(['medical', 'shell'])
    expect(route.lexicalWeight).toBeGreaterThan(0.2)
    expect(route.lexicalWeight).toBeLessThan(0.4)
  })

  it('learns from hashed features as it does from text', () => {
    const hashed = { ...shell, pilots: shell.pilots.map(({ vector, text }) => ({ vector, features: textFeatures(text!) })) }

    expect(textRouter([medical, hashed]).route(ask('tar a file'))).toEqual(textRouter([medical, shell]).route(ask('tar a file')))
  })

  it('learns words of a domain from its documents, and keeps none of them', () => {
    const question = { text: 'clauses on sublets', vector: ask('file fever').vector }
    const novice = textRouter([medical, shell]).with(legal)
    const read = textRouter([medical, shell]).with({
      ...legal,
      passages: ['the sublets that clauses allow', 'sublets need clauses of consent'],
    })

    expect(read.route(question).scores[0]!.expert).toBe('legal')
    expect(read.route(question).scores[0]!.score).toBeGreaterThan(
      novice.route(question).scores.find(({ expert }) => expert === 'legal')!.score,
    )
    expect(JSON.stringify((read as TextRouter).state)).not.toContain('sublets')
  })

  it('routes by vectors alone to an expert whose pilots came without text', () => {
    const silent = { expert: 'legal', pilots: legal.pilots.map(({ vector }) => ({ vector })) }

    const router = textRouter([medical, shell]).with(silent)

    expect(router.route(ask('tenant and lease')).experts[0]!.name).toBe('legal')
    expect(router.route(ask('fever and cough')).experts[0]!.name).toBe('medical')
  })

  it('gives an expert without a BM25 weight that of the fallback', () => {
    const route = textRouter([medical, evidence('shell', ['grep a file', 'tar the file', 'find a process'])]).route(ask('grep the file'))

    expect(route.experts[0]!.name).toBe('shell')
    expect(route.lexicalWeight).toBe(defaultDecision.fallback.lexicalWeight)
  })

  it('clusters many pilots, so that routing stays cheap', () => {
    const many = evidence(
      'many',
      Array.from({ length: 500 }, (_, i) => ['fever', 'dose', 'child', 'cough'].filter((_, bit) => (i >> bit) & 1).join(' ') || 'fever'),
    )

    expect(textRouter([many]).state.experts[0]!.pilots.weights.length).toBeLessThanOrEqual(32)
  })
})
