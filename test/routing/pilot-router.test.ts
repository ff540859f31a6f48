import { describe, expect, it } from 'vitest'
import { pilotRouter } from '../../src/routing/pilot-router.ts'
import { ask, describeRouter, evidence, medical, shell } from '../conformance/router.ts'

describeRouter('pilotRouter, mean', (experts) => pilotRouter(experts))
describeRouter('pilotRouter, max', (experts) => pilotRouter(experts, { aggregation: 'max' }))

const narrow = evidence('narrow', ['fever', 'tar', 'grep', 'file', 'process'])
const wide = evidence('wide', ['fever dose', 'fever cough', 'fever child'])

describe('pilotRouter', () => {
  it('averages over all pilots, as the paper does', () => {
    expect(pilotRouter([narrow, wide]).route(ask('fever')).scores[0]!.expert).toBe('wide')
  })

  it('takes the nearest pilot, as the released code does', () => {
    expect(pilotRouter([narrow, wide], { aggregation: 'max' }).route(ask('fever')).scores[0]!.expert).toBe('narrow')
  })

  it('lets a pilot count by the queries it stands for', () => {
    const heavy = { ...narrow, pilots: narrow.pilots.map((pilot, i) => ({ ...pilot, weight: i === 0 ? 100 : 1 })) }

    expect(pilotRouter([heavy, wide]).route(ask('fever')).scores[0]!.expert).toBe('narrow')
    expect(pilotRouter([heavy, wide], { weights: false }).route(ask('fever')).scores[0]!.expert).toBe('wide')
  })

  it('compares what is left without the common part, when centred', () => {
    const pilots = [evidence('a', ['file fever fever fever fever']), evidence('b', ['file dose dose dose'])]

    const plain = pilotRouter(pilots).route(ask('file file fever'))
    const centred = pilotRouter(pilots, { meanCentre: true }).route(ask('file file fever'))

    expect(centred.scores[0]!.expert).toBe('a')
    expect(centred.scores[1]!.similarity).toBeLessThan(0)
    expect(plain.scores[1]!.similarity).toBeGreaterThan(0)
  })

  it('never falls back from text it knows and never fuses, unless told when', () => {
    const route = pilotRouter([medical, shell]).route(ask('grep a file and a dose for a child'))

    expect(route.decision).toBe('expert')
  })
})
