import { describe, expect, it } from 'vitest'
import { retrievalTasks, taskInstructions, type RetrievalTask } from '../../src/tasks/task.ts'
import { taskEncoders } from '../../src/tasks/task-encoders.ts'
import { toyEncoder } from '../engine-fixture.ts'

describe('taskInstructions', () => {
  it('are, letter for letter, those that LLM-Embedder was trained with', () => {
    expect(taskInstructions).toEqual({
      qa: { query: 'Represent this query for retrieving relevant documents: ', key: 'Represent this document for retrieval: ' },
      convsearch: { query: 'Encode this query and context for searching relevant passages: ', key: 'Encode this passage for retrieval: ' },
      chat: {
        query: 'Embed this dialogue to find useful historical dialogues: ',
        key: 'Embed this historical dialogue for retrieval: ',
      },
      lrlm: {
        query: 'Embed this text chunk for finding useful historical chunks: ',
        key: 'Embed this historical text chunk for retrieval: ',
      },
      icl: {
        query: 'Convert this example into vector to look for useful examples: ',
        key: 'Convert this example into vector for retrieval: ',
      },
      tool: {
        query: 'Transform this user request for fetching helpful tool descriptions: ',
        key: 'Transform this tool description for retrieval: ',
      },
    })
  })
})

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
