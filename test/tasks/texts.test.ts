import { describe, expect, it } from 'vitest'
import { chunkQuery } from '../../src/tasks/chunk.ts'
import { conversationQuery } from '../../src/tasks/conversation.ts'
import { dialogueKey, dialogueQuery, dialogueTurns } from '../../src/tasks/dialogue.ts'
import { exampleKey, exampleQuery } from '../../src/tasks/example.ts'

describe('the query of a conversational search', () => {
  const history = ['Who built the mill?', ' Ann Brook did. ', '']

  it('is the history and then the question, with spaces between', () => {
    expect(conversationQuery('When was that?', history)).toBe('Who built the mill? Ann Brook did. When was that?')
  })

  it('is the question itself at the beginning', () => {
    expect(conversationQuery(' Who built the mill?\n')).toBe('Who built the mill?')
  })

  it('loses the earliest turns first when it must be short, and never the question', () => {
    expect(conversationQuery('When was that?', history, { maxCharacters: 29 })).toBe('Ann Brook did. When was that?')
    expect(conversationQuery('When was that?', history, { maxCharacters: 28 })).toBe('When was that?')
    expect(conversationQuery('When was that?', history, { maxCharacters: 1 })).toBe('When was that?')
    expect(() => conversationQuery('When?', history, { maxCharacters: Number.NaN })).toThrow(/maxCharacters is NaN/)
  })
})

describe('a dialogue', () => {
  const turn = { speaker1: 'I keep bees.', speaker2: 'How many hives?\n' }

  it('is stored by its turns, each speaker on a line', () => {
    expect(dialogueKey(turn)).toBe('Speaker 1: I keep bees.\nSpeaker 2: How many hives?')
  })

  it('is asked with its last utterance, without a label', () => {
    expect(dialogueQuery('Do they still swarm? ')).toBe('Do they still swarm?')
  })

  it('may be asked with the recent turns too, which go first when there is no room', () => {
    const query = dialogueQuery('Two.', [{ speaker1: 'Hello', speaker2: 'Hi' }, turn])

    expect(query).toBe('Speaker 1: Hello\nSpeaker 2: Hi\nSpeaker 1: I keep bees.\nSpeaker 2: How many hives?\nSpeaker 1: Two.')
    expect(dialogueQuery('Two.', [{ speaker1: 'Hello', speaker2: 'Hi' }, turn], { maxCharacters: query.length - 1 })).toBe(
      'Speaker 1: I keep bees.\nSpeaker 2: How many hives?\nSpeaker 1: Two.',
    )
    expect(dialogueQuery('Two.', [turn], { maxCharacters: 5 })).toBe('Two.')
  })

  it('in the messages of a chat has turns where the assistant has answered', () => {
    const turns = dialogueTurns([
      { role: 'system', content: 'Be kind.' },
      { role: 'assistant', content: 'Welcome!' },
      { role: 'user', content: 'Hello.' },
      { role: 'user', content: 'I keep bees.' },
      { role: 'assistant', content: 'Nice.' },
      { role: 'tool', content: '{}' },
      { role: 'assistant', content: 'How many hives?' },
      { role: 'user', content: 'Two.' },
    ])

    expect(turns).toEqual([
      { speaker1: '', speaker2: 'Welcome!' },
      { speaker1: 'Hello.\nI keep bees.', speaker2: 'Nice.\nHow many hives?' },
    ])
    expect(dialogueTurns([])).toEqual([])
  })

  it('in messages as APIs give them has the texts alone: no calls of tools, no pictures', () => {
    const turns = dialogueTurns([
      { role: 'user', content: [{ type: 'text', text: 'What is this?' }, { type: 'image_url' }, { type: 'text', text: 'A bee?' }] },
      { role: 'assistant', content: null },
      { role: 'tool', content: '{}' },
      { role: 'assistant', content: 'A wasp.' },
      { role: 'user', content: 'Book it.' },
      { role: 'assistant', content: null },
    ])

    expect(turns).toEqual([{ speaker1: 'What is this?\nA bee?', speaker2: 'A wasp.' }])
  })
})

describe('the query of a long text', () => {
  it('is its latest chunk, right after the text before it', () => {
    expect(chunkQuery('and fell asleep.')).toBe('and fell asleep.')
    for (const context of ['She sat down and', 'She sat down and '])
      expect(chunkQuery('fell asleep.', { context })).toBe('She sat down and fell asleep.')
    expect(chunkQuery('\n\nThen', { context: 'She sat down.' })).toBe('She sat down.\n\nThen')
  })

  it('loses the beginning of the context when it must be short, never the chunk nor half a character', () => {
    expect(chunkQuery('fell asleep.', { context: 'She sat down and ', maxCharacters: 16 })).toBe('and fell asleep.')
    expect(chunkQuery('fell asleep.', { context: 'She', maxCharacters: 3 })).toBe('fell asleep.')
    expect(chunkQuery(' b', { context: 'a😀', maxCharacters: 3 })).toBe(' b')
    expect(() => chunkQuery('b', { maxCharacters: 0 })).toThrow(/maxCharacters is 0/)
  })
})

describe('a worked example', () => {
  it('is stored with its answer on the next line and asked for without one', () => {
    expect(exampleKey({ input: 'Is "fine" praise or blame? ', answer: ' praise' })).toBe('Is "fine" praise or blame?\npraise')
    expect(exampleQuery('Is "poor" praise or blame?\n')).toBe('Is "poor" praise or blame?')
  })
})
