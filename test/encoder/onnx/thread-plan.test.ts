import { describe, expect, it } from 'vitest'
import { planThreads, type Circumstances } from '../../../src/encoder/onnx/thread-plan.ts'

const mebibyte = 2 ** 20
const minilm: Circumstances = { threads: 2, modelBytes: 90 * mebibyte, freeBytes: 8_000 * mebibyte, quantised: false }

describe('planThreads', () => {
  it('gives one thread one session that serves everything', () => {
    expect(planThreads({ ...minilm, threads: 1 })).toEqual({ latency: 1, throughput: { workers: 0, threads: 0 } })
  })

  it('gives queries several threads, and long lists a session of one thread for each', () => {
    expect(planThreads(minilm)).toEqual({ latency: 2, throughput: { workers: 2, threads: 1 } })
    expect(planThreads({ ...minilm, threads: 16 })).toEqual({ latency: 4, throughput: { workers: 16, threads: 1 } })
  })

  it('gives queries of a small quantised model one thread, and those of a large one several', () => {
    expect(planThreads({ ...minilm, modelBytes: 23 * mebibyte, quantised: true }).latency).toBe(1)
    expect(planThreads({ ...minilm, modelBytes: 330 * mebibyte, quantised: true }).latency).toBe(2)
  })

  it('has fewer sessions with more threads each where memory is short', () => {
    expect(planThreads({ ...minilm, threads: 8, modelBytes: 1_300 * mebibyte }).throughput).toEqual({ workers: 2, threads: 4 })
    expect(planThreads({ ...minilm, threads: 8, modelBytes: 2_500 * mebibyte }).throughput).toEqual({ workers: 1, threads: 8 })
  })

  it('stays with the first session where no other fits, or would be the same', () => {
    expect(planThreads({ ...minilm, freeBytes: 200 * mebibyte }).throughput.workers).toBe(0)
    expect(planThreads({ ...minilm, modelBytes: 2_500 * mebibyte }).throughput.workers).toBe(0)
  })

  it('never has more threads for long lists than were given', () => {
    for (let threads = 1; threads <= 64; threads++)
      for (const modelBytes of [1, 23, 90, 438, 1_340, 2_270].map((size) => size * mebibyte))
        for (const freeBytes of [100, 500, 1_000, 4_000, 32_000].map((size) => size * mebibyte)) {
          const { latency, throughput } = planThreads({ threads, modelBytes, freeBytes, quantised: false })
          expect(latency).toBeLessThanOrEqual(threads)
          expect(throughput.workers * throughput.threads).toBeLessThanOrEqual(threads)
        }
  })
})
