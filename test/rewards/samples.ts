import type { TaskSample } from '../../src/tasks/sample.ts'

/** A sample with what a test says about it. */
export function sample(parts: Partial<TaskSample> = {}): TaskSample {
  return {
    task: 'qa',
    id: '1',
    query: 'the cat',
    candidates: ['dog ran', 'cat sat'],
    positives: 1,
    answers: ['sat home'],
    line: 1,
    ...parts,
  }
}

/** One line of the official format. */
export function line(fields: object): string {
  return JSON.stringify({
    query: 'the cat',
    pos: ['cat sat'],
    neg: ['dog ran', 'far home'],
    answers: ['sat home .'],
    task: 'qa',
    ...fields,
  })
}
