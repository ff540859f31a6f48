import { describe, expect, it } from 'vitest'
import { retrievalTasks, taskInstructions, type RetrievalTask } from '../../src/tasks/task.ts'
import { taskEncoders } from '../../src/tasks/task-encoders.ts'
import { toyEncoder } from '../engine-fixture.ts'

describe('taskEncoders', () => {
  it.each(retrievalTasks)('reads the instructions of %s before queries and keys', async (task) => {
    const base = toyEncoder(['retrieval', 'fever'])
    const { query, key } = taskEncoders(base, task)

    await query.encode(['fever'])
    await key.encode(['fever'])

    expect(base.texts).toEqual([`${taskInstructions[task].query}fever`, `${taskInstructions[task].key}fever`])
  })

  it('gives every side of every task an id of its own, but for those that share an instruction', () => {
    const base = toyEncoder(['a'])
    const ids = retrievalTasks.flatMap((task) => Object.values(taskEncoders(base, task)).map(({ id }) => id as string))

    expect(new Set(ids).size).toBe(new Set(Object.values(taskInstructions).flatMap(({ query, key }) => [query, key])).size)
  })

  it('refuses what is none of the six tasks, and names them', () => {
    expect(() => taskEncoders(toyEncoder(['a']), 'toString' as RetrievalTask)).toThrow(
      /task is "toString"\. There are qa, convsearch, chat, lrlm, icl, tool\./,
    )
  })
})
