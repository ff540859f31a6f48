import type { Study, StudyPoint } from '../../results.ts'
import { hasColour, nameOf, systemColour } from './names.ts'

/** What is shown of a point: means over sets, or the scores of one set. */
export type ScoresOf = (point: StudyPoint) => Readonly<Record<string, number>>

/** One mark. */
export interface StudyMark {
  readonly at: number | string
  readonly name: string
  readonly label: string
  /** 0 to 100. */
  readonly value: number
  readonly note: string
}

export function marksOf({ points }: Study, scores: ScoresOf): StudyMark[] {
  return points.flatMap((point) =>
    Object.entries(scores(point)).map(([name, value]) => ({
      at: point.at,
      name,
      label: nameOf(name).label,
      value: 100 * value,
      note: point.note ?? '',
    })),
  )
}

/** Studies may tell of more than systems: what is no system gets the colour of an expert, by its place. */
export function coloursOf({ points }: Study): (name: string) => string {
  const names = [...new Set(points.flatMap(({ mean }) => Object.keys(mean)))].filter((name) => !hasColour(name))
  return (name) => (hasColour(name) ? systemColour(name) : `var(--e-${Math.max(0, names.indexOf(name)) % 10})`)
}
