import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { progressView } from '../../../src/cli/display/progress.ts'
import { duration } from '../../../src/cli/display/numbers.ts'

function output(isTTY: boolean) {
  const stream = new PassThrough()
  return { stream: Object.assign(stream, { isTTY, columns: 80 }), text: () => String(stream.read() ?? '') }
}

describe('progressView', () => {
  it('prints a line every few seconds where there is no terminal', () => {
    const { stream, text } = output(false)
    let clock = 0
    const progress = progressView(stream, { label: 'Indexing', now: () => clock })

    for (clock = 1000; clock <= 12_000; clock += 1000) progress.update({ done: clock, share: clock / 20_000 })
    progress.stop()

    expect(text()).toBe(
      'Indexing: 25 % · 5,000 documents · 1,000 docs/s · 15 s left\nIndexing: 50 % · 10,000 documents · 1,000 docs/s · 10 s left\n',
    )
  })

  it('draws a bar on a terminal and takes it away at the end', () => {
    const { stream, text } = output(true)
    const progress = progressView(stream, { label: 'Indexing' })

    progress.update({ done: 512, share: 0.5 })
    progress.log('pilotfish: a.txt is binary; skipped')
    progress.stop()

    const drawn = text()
    expect(drawn).toContain('Indexing │')
    expect(drawn).toContain('pilotfish: a.txt is binary; skipped\n')
  })

  it('says nothing but what is logged when quiet', () => {
    const { stream, text } = output(false)
    const progress = progressView(stream, { label: 'Indexing', quiet: true, interval: 0 })

    progress.update({ done: 1, share: 1 })
    progress.log('a problem')

    expect(text()).toBe('a problem\n')
  })

  it('forgets the pace of the beginning, when unchanged documents fly by', () => {
    const { stream, text } = output(false)
    let clock = 0
    const progress = progressView(stream, { label: 'Indexing', now: () => clock, interval: 30_000 })

    for (clock = 1000; clock <= 10_000; clock += 1000) progress.update({ done: clock * 10, share: 0.5 })
    for (; clock <= 30_000; clock += 1000) progress.update({ done: 100_000 + (clock - 10_000) / 100, share: 0.5 + clock / 1e6 })

    expect(text()).toContain(' 10 docs/s')
  })
})

describe('duration', () => {
  it('is short', () => {
    expect([0.04, 9.96, 61, 3720].map(duration)).toEqual(['0.0 s', '10 s', '1 min 1 s', '1 h 2 min'])
  })
})
