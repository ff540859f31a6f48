import { describe, expect, it } from 'vitest'
import { checkLoss, releasedRecipes, type LossSettings } from '../../src/train/losses/loss.ts'
import { selfPacing } from '../../src/train/losses/pace.ts'
import { lossOfRows, type LossRows } from '../../src/train/losses/rows.ts'
import { random } from '../../src/train/random.ts'
import { retrievalTasks } from '../../src/tasks/task.ts'

const generator = random(7)
const temperature = 0.05
const columns = 7
/** Two queries; their candidates are the columns 0–2 and 3–5, column 6 is nobody's. */
const cosines = Float64Array.from({ length: 2 * columns }, () => generator.next() * 2 - 1)
const rewards = [
  { columns: [0, 1, 2], values: [-1.2, -0.3, -2.5] },
  { columns: [3, 4, 5], values: [0.4, 0.1, 0.9] },
]

function rowsOf(losses: LossSettings, more: Partial<LossRows> = {}): LossRows {
  return { columns, targets: [1, 5], masked: new Uint8Array(2 * columns), rewards, losses: [losses, losses], ...more }
}

const lossAt = (values: Float64Array, rows: LossRows): number => lossOfRows(Float32Array.from(values), rows, temperature)

/** The formulas as the papers write them, one number at a time. */
const share = (row: number, column: number, among: readonly number[], divisor = temperature): number => {
  const exp = (each: number): number => Math.exp(cosines[row * columns + each]! / divisor)
  return exp(column) / among.reduce((sum, other) => sum + exp(other), 0)
}
const all = [0, 1, 2, 3, 4, 5, 6]
const softmaxOf = (values: readonly number[]): number[] => values.map((v) => Math.exp(v) / values.reduce((sum, w) => sum + Math.exp(w), 0))

const references: Record<string, { settings: LossSettings; expected: () => number }> = {
  'contrastive: −log softmax of the answer among all documents': {
    settings: {},
    expected: () => (-Math.log(share(0, 1, all)) - Math.log(share(1, 5, all))) / 2,
  },
  'graded distillation: softmax(rewards) times −log softmax of each candidate among worse ones and those of other queries': {
    settings: { contrastive: 0, distillation: { kind: 'graded', studentTemperature: temperature } },
    expected: () => {
      const first = softmaxOf(rewards[0]!.values)
      const second = softmaxOf(rewards[1]!.values)
      const ofFirst =
        -first[1]! * Math.log(share(0, 1, [1, 0, 2, 3, 4, 5, 6])) -
        first[0]! * Math.log(share(0, 0, [0, 2, 3, 4, 5, 6])) -
        first[2]! * Math.log(share(0, 2, [2, 3, 4, 5, 6]))
      const ofSecond =
        -second[2]! * Math.log(share(1, 5, [5, 3, 4, 0, 1, 2, 6])) -
        second[0]! * Math.log(share(1, 3, [3, 4, 0, 1, 2, 6])) -
        second[1]! * Math.log(share(1, 4, [4, 0, 1, 2, 6]))
      return (ofFirst + ofSecond) / 2
    },
  },
  'KL(softmax(rewards / T) ‖ softmax(cosines / τ)) over the own candidates': {
    settings: { contrastive: 0, distillation: { kind: 'kl', temperature: 0.5, studentTemperature: 0.3 } },
    expected: () => {
      const divergence = (row: number): number => {
        const { columns: own, values } = rewards[row]!
        const teacher = softmaxOf(values.map((value) => value / 0.5))
        return teacher.reduce((sum, p, i) => sum + p * (Math.log(p) - Math.log(share(row, own[i]!, own, 0.3))), 0)
      }
      return (divergence(0) + divergence(1)) / 2
    },
  },
  'several at once, each by its weight': {
    settings: { contrastive: 0.2, distillation: { kind: 'kl', weight: 3 } },
    expected: () =>
      0.2 * references['contrastive: −log softmax of the answer among all documents']!.expected() +
      3 *
        [0, 1].reduce((sum, row) => {
          const { columns: own, values } = rewards[row]!
          const teacher = softmaxOf(values)
          return sum + teacher.reduce((total, p, i) => total + p * (Math.log(p) - Math.log(share(row, own[i]!, own, 0.4))), 0) / 2
        }, 0),
  },
}

describe('losses', () => {
  for (const [name, { settings, expected }] of Object.entries(references)) {
    it(`are what their formula says: ${name}`, () => {
      expect(lossAt(cosines, rowsOf(settings))).toBeCloseTo(expected(), 4)
    })

    it(`have the gradient that central differences find: ${name}`, () => {
      const rows = rowsOf(settings)
      const gradient = Float32Array.from(cosines)
      lossOfRows(gradient, rows, temperature)
      const h = 1e-3
      cosines.forEach((_, i) => {
        const shifted = (by: number): number => lossAt(cosines.map((value, j) => (i === j ? value + by : value)) as Float64Array, rows)
        expect(gradient[i]).toBeCloseTo((shifted(h) - shifted(-h)) / (2 * h), 2)
      })
      expect(Math.max(...gradient.map(Math.abs))).toBeGreaterThan(0.1)
    })
  }

  it('set candidates of equal reward not against each other', () => {
    const settings: LossSettings = { contrastive: 0, distillation: { kind: 'graded', studentTemperature: temperature } }
    const equal = [{ columns: [0, 1], values: [1, 1] }, undefined]
    const loss = lossAt(cosines, rowsOf(settings, { rewards: equal, losses: [settings, { contrastive: 1 }] }))
    const others = [2, 3, 4, 5, 6]
    const expected =
      (-0.5 * Math.log(share(0, 0, [0, ...others])) - 0.5 * Math.log(share(0, 1, [1, ...others])) - Math.log(share(1, 5, all))) / 2

    expect(loss).toBeCloseTo(expected, 4)
  })

  it('take no known answer for a negative', () => {
    const masked = new Uint8Array(2 * columns)
    masked[2] = 1
    const expected = (-Math.log(share(0, 1, [0, 1, 3, 4, 5, 6])) - Math.log(share(1, 5, all))) / 2

    expect(lossAt(cosines, rowsOf({}, { masked }))).toBeCloseTo(expected, 4)
  })

  it('let a query without rewards learn by contrast, whatever its task does', () => {
    const settings: LossSettings = { contrastive: 0, distillation: { kind: 'graded' } }
    const expected = references['contrastive: −log softmax of the answer among all documents']!.expected()

    expect(lossAt(cosines, rowsOf(settings, { rewards: [undefined, undefined] }))).toBeCloseTo(expected, 4)
  })

  it('are 0 for a student that is the teacher, where KL is asked for', () => {
    const student = new Float64Array(2 * columns)
    rewards.forEach(({ columns: own, values }, row) => own.forEach((column, i) => (student[row * columns + column] = values[i]! * 0.4)))

    expect(lossAt(student, rowsOf({ contrastive: 0, distillation: { kind: 'kl' } }))).toBeCloseTo(0, 5)
  })

  it('are set for every task as they were released', () => {
    const kinds = retrievalTasks.map((task) => `${task} ${releasedRecipes[task].loss.distillation?.kind ?? 'contrastive'}`)

    expect(kinds).toEqual(['qa graded', 'convsearch contrastive', 'chat kl', 'lrlm kl', 'icl graded', 'tool contrastive'])
    expect(retrievalTasks.map((task) => releasedRecipes[task].loss.contrastive)).toEqual([0, 1, 0, 0, 0, 1])
    expect(retrievalTasks.map((task) => releasedRecipes[task].loss.distillation?.temperature)).toEqual([
      undefined,
      undefined,
      0.1,
      0.1,
      undefined,
      undefined,
    ])
    expect(retrievalTasks.map((task) => releasedRecipes[task].positive)).toEqual(['given', 'given', 'teacher', 'teacher', 'given', 'given'])
    expect(retrievalTasks.map((task) => releasedRecipes[task].margin)).toEqual([0, 0, 0, 0.1, 0, 0])
  })

  it.each([
    [{ contrastive: -1 }, 'loss.contrastive is -1'],
    [{ contrastive: 0 }, 'loss has nothing that counts'],
    [{ contrastive: 0, distillation: { kind: 'kl', weight: 0 } }, 'loss has nothing that counts'],
    [{ distillation: { kind: 'kl', temperature: 0 } }, 'loss.distillation.temperature is 0'],
    [{ distillation: { kind: 'soft' } }, 'loss.distillation.kind is "soft"'],
  ] as [LossSettings, string][])('refuse settings that mean nothing: %j', (settings, message) => {
    expect(() => checkLoss(settings, 'loss')).toThrow(message)
  })
})

describe('selfPacing', () => {
  it('gives the task that has kept more of its loss the larger steps', () => {
    const pacing = selfPacing(2)
    for (let step = 0; step < 40; step++) {
      pacing.learned(0, 4 * 0.9 ** step)
      pacing.learned(1, 0.1)
    }

    expect(pacing.paceOf(0)).toBeLessThan(0.7)
    expect(pacing.paceOf(1)).toBeGreaterThan(1.3)
    expect(pacing.paceOf(1)).toBeLessThanOrEqual(2)
  })

  it('leaves a single task its pace, and one that has not been seen', () => {
    const pacing = selfPacing(2)
    pacing.learned(0, 3)
    pacing.learned(0, 1)

    expect([pacing.paceOf(0), pacing.paceOf(1)]).toEqual([1, 1])
  })

  it('goes on from where it was', () => {
    const [one, other] = [selfPacing(2), selfPacing(2)]
    const losses = [5, 3, 4, 1, 2]
    losses.forEach((loss, i) => one.learned(i % 2, loss))
    losses.slice(0, 3).forEach((loss, i) => other.learned(i % 2, loss))
    const resumed = selfPacing(2, JSON.parse(JSON.stringify(other.paces)))
    losses.slice(3).forEach((loss, i) => resumed.learned((i + 3) % 2, loss))

    expect(resumed.paceOf(0)).toBe(one.paceOf(0))
  })
})
