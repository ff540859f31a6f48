import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { interleaved, median } from '../../bench/harness/interleaved.ts'
import { begin, finish, report } from '../../bench/harness/report.ts'
import { temporaryDirectory } from '../encoder/models.ts'

describe('interleaved', () => {
  it('takes the ways in turn, each as often first, and leaves out the rounds for warming up', async () => {
    const order: string[] = []
    const way = (name: string) => async (): Promise<void> => void order.push(name)

    const times = await interleaved({ a: way('a'), b: way('b') }, { rounds: 3, warmUp: 1 })

    expect(order.join('')).toBe('abbaabba')
    expect(Object.keys(times)).toEqual(['a', 'b'])
    expect(median([5, 1, 3])).toBe(3)
  })
})

describe('report', () => {
  it('writes what was found with the machine and the commit where a file is asked for', () => {
    const file = join(temporaryDirectory(), 'deep/found.json')
    begin('routing', file)
    expect(finish).toThrow('reported nothing')

    report({ ratios: { routed: 1.5 }, figures: { rounds: 3 } })

    finish()
    const written = JSON.parse(readFileSync(file, 'utf8')) as object
    expect(Object.keys(written)).toEqual(['bench', 'machine', 'commit', 'ratios', 'figures'])
    expect(written).toMatchObject({ bench: 'routing', ratios: { routed: 1.5 }, figures: { rounds: 3 } })
  })
})
