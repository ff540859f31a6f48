import type { TaskSample } from '../../src/tasks/sample.ts'

let line = 0

/** A sample with what a test says of it. */
export function sample(facts: Partial<TaskSample> & Pick<TaskSample, 'task' | 'query' | 'candidates'>): TaskSample {
  line++
  return { id: String(line), positives: 0, answers: [], line, ...facts }
}
