import { describe, expect, it } from 'vitest'
import { newcomerFigures } from '../../src/routing/newcomer-figures.ts'
import { pilotRouter } from '../../src/routing/pilot-router.ts'
import { textRouter } from '../../src/routing/text-router.ts'
import { evidence, legal, medical, shell } from '../conformance/router.ts'

const before = textRouter([medical, shell])
const halves = (all: typeof legal) => {
  const pilots = all.pilots as ((typeof all.pilots)[number] & { text: string })[]
  return [pilots.filter((_, i) => i % 2 === 0), pilots.filter((_, i) => i % 2 === 1)] as const
}

describe('what adding an expert does to routing', () => {
  it('is told by its unseen queries and by the examples of the others', async () => {
    const [seen, unseen] = halves(legal)

    const { own, others } = await newcomerFigures(before, legal, seen, unseen)

    expect(own.queries).toBe(unseen.length)
    expect(own.asked).toBeGreaterThan(0.5)
    expect(own.leads).toBeLessThanOrEqual(own.asked)
    expect(others!.examples).toBe(medical.pilots.length + shell.pilots.length)
    expect(others!.after).toBeGreaterThan(0.8)
    expect(others!.before).toBeGreaterThanOrEqual(others!.after - 0.1)
  })

  it('shows a newcomer that takes the words of another', async () => {
    const thief = evidence(
      'thief',
      medical.pilots.map(({ text }) => text!),
    )

    const { others } = await newcomerFigures(before, thief, thief.pilots, [])

    expect(others!.taken).toBeGreaterThan(0)
    expect(others!.after).toBeLessThan(others!.before)
  })

  it('does not count an older expert of the same name as another', async () => {
    const [seen, unseen] = halves(legal)

    const again = await newcomerFigures(textRouter([medical, shell, legal]), legal, seen, unseen)

    expect(again.others!.examples).toBe(medical.pilots.length + shell.pilots.length)
  })

  it('has no figures of others where the router keeps no examples', async () => {
    const [seen, unseen] = halves(legal)

    expect((await newcomerFigures(pilotRouter([medical, shell]), legal, seen, unseen)).others).toBeUndefined()
  })
})
