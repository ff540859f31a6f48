import { describe, expect, it } from 'vitest'
import { adaptedEncoder, lowRankAdapter } from '../../src/encoder/adapted.ts'
import { instructionEncoder } from '../../src/encoder/instruction.ts'
import { UnknownTaskError } from '../../src/errors.ts'
import type { InstructionExpert } from '../../src/expert/expert.ts'
import { medicalQueries, medicalWords, shellQueries, shellWords, toy, toyDocuments, toyEncoder, toyExpert } from '../engine-fixture.ts'

const words = [...medicalWords, ...shellWords, 'rose', 'roses', 'sun', 'soil', 'find']
const gardenWords = ['rose', 'roses', 'sun', 'soil']
const gardenQueries = ['roses in the sun', 'soil for roses', 'rose soil', 'how much sun for a rose', 'rose', 'soil']
const medicalQuestion = 'ibuprofen dose for a child with fever'
const bothQuestion = 'fever dose for a child in a tar archive file'

/** Medicine and the shell answer questions, a gardener picks tools. */
async function bound() {
  const base = toyEncoder(words)
  const { engine } = await toy(undefined, base)
  await engine.add(toyDocuments)
  const add = async (name: string, task: string, known: readonly string[], queries: readonly string[]) => {
    if (name !== 'garden') await engine.experts.remove(name)
    await engine.experts.add({ ...toyExpert(name, known, base, words), task }, { queries })
  }
  await add('medical', 'qa', medicalWords, medicalQueries)
  await add('shell', 'qa', shellWords, shellQueries)
  await add('garden', 'tool', gardenWords, gardenQueries)
  return { engine, base }
}

describe('a task', () => {
  it('that one expert is bound to asks that one, whatever the question', async () => {
    const { engine } = await bound()
    const plain = await engine.route(medicalQuestion)

    const { route, hits } = await engine.retrieve(medicalQuestion, { task: 'tool' })

    expect(plain.experts[0]!.name).toBe('medical')
    expect(route).toEqual({ ...plain, decision: 'forced', experts: [{ name: 'garden', weight: 1 }] })
    expect(hits[0]!.expert).toBe('garden')
  })

  it('that several are bound to leaves the choice to the router', async () => {
    const { engine } = await bound()

    for (const question of [medicalQuestion, 'grep a file', bothQuestion])
      expect(await engine.route(question, { task: 'qa' })).toEqual(await engine.route(question))
    expect((await engine.route(bothQuestion)).decision).toBe('fused')
  })

  it.each([
    ['of another task', 'which soil for roses', 'expert'],
    ['of nobody', 'no word of this is known to anyone', 'fallback'],
  ])('asks the best scored of its experts where the router would ask one %s', async (_, question, usual) => {
    const { engine } = await bound()
    const plain = await engine.route(question)

    const route = await engine.route(question, { task: 'qa' })

    const best = plain.scores.find(({ expert }) => expert !== 'garden')!.expert
    expect(plain.decision).toBe(usual)
    expect(['general', 'garden']).toContain(plain.experts[0]!.name)
    expect(route).toEqual({ ...plain, decision: 'expert', experts: [{ name: best, weight: 1 }] })
  })

  it('leaves out of two experts the one that is bound to another', async () => {
    const { engine, base } = await bound()
    await engine.experts.add({ ...toyExpert('surgery', medicalWords, base, words), task: 'tool' })
    await engine.experts.remove('shell')
    await engine.experts.add({ ...toyExpert('shell', shellWords, base, words), task: 'chat' }, { queries: shellQueries })
    await engine.experts.add({ ...toyExpert('talk', shellWords, base, words), task: 'qa' })
    expect((await engine.route(bothQuestion)).experts).toHaveLength(2)

    const route = await engine.route(bothQuestion, { task: 'qa' })

    expect(route).toMatchObject({ decision: 'expert', experts: [{ name: 'medical', weight: 1 }] })
  })

  it('asks the first of experts that the router knows nothing of', async () => {
    const { engine, base } = await bound()
    for (const name of ['first', 'second']) await engine.experts.add({ ...toyExpert(name, medicalWords, base, words), task: 'icl' })

    expect((await engine.route('which soil', { task: 'icl' })).experts).toEqual([{ name: 'first', weight: 1 }])
  })

  it('asks each of many queries as it asks it alone', async () => {
    const { engine } = await bound()
    const questions = [medicalQuestion, 'which soil for roses', 'grep a file']

    const together = await engine.retrieveMany(questions, { task: 'qa', lexicalWeight: 0.5 })

    for (const [i, { hits, route }] of together.entries()) {
      const alone = await engine.retrieve(questions[i]!, { task: 'qa', lexicalWeight: 0.5 })
      expect([hits, route]).toEqual([alone.hits, alone.route])
      expect(route.lexicalWeight).toBe(0.5)
    }
  })

  it('that none is bound to is refused with those that there are', async () => {
    const { engine } = await bound()
    const refused = { code: 'UNKNOWN_TASK', task: 'lrlm', known: ['qa', 'tool'] }

    await expect(engine.retrieve('x', { task: 'lrlm' })).rejects.toMatchObject(refused)
    await expect(engine.retrieveMany([], { task: 'lrlm' })).rejects.toBeInstanceOf(UnknownTaskError)
    await expect(engine.route('x', { task: 'lrlm' })).rejects.toThrow(
      'No expert is bound to the task "lrlm". Tasks of experts that are here: qa, tool.',
    )
    const { engine: none } = await toy()
    await expect(none.route('x', { task: 'qa' })).rejects.toThrow(/None is bound to any: ask without `task`/)
    await expect(none.route('x', { task: 1 as unknown as string })).rejects.toMatchObject({ argument: 'task' })
  })

  it('beside an expert must be the task of that expert', async () => {
    const { engine } = await bound()

    expect((await engine.route('x', { task: 'qa', expert: 'shell' })).experts).toEqual([{ name: 'shell', weight: 1 }])
    await expect(engine.retrieve('x', { task: 'qa', expert: 'garden' })).rejects.toThrow(
      /task is "qa", but the expert "garden" is bound to "tool"\. Give one of the two\./,
    )
    await expect(engine.route('x', { task: 'qa', expert: 'general' })).rejects.toThrow(/"general" is bound to none/)
    await expect(engine.route('x', { task: 'qa', expert: 'law' })).rejects.toMatchObject({ code: 'UNKNOWN_EXPERT' })
  })

  it('goes with its experts', async () => {
    const { engine } = await bound()

    await engine.experts.remove('garden')

    await expect(engine.route('x', { task: 'tool' })).rejects.toMatchObject({ code: 'UNKNOWN_TASK', known: ['qa'] })
  })
})

describe('experts that are bound to tasks', () => {
  it('say so in the list', async () => {
    const { engine } = await bound()

    expect(engine.experts.list().map(({ name, task }) => [name, task])).toEqual([
      ['general', undefined],
      ['medical', 'qa'],
      ['shell', 'qa'],
      ['garden', 'tool'],
    ])
  })

  it('are asked like any other where no task is named', async () => {
    const { engine } = await bound()
    const base = toyEncoder(words)
    const { engine: unbound } = await toy(undefined, base)
    await unbound.experts.add(toyExpert('garden', gardenWords, base, words), { queries: gardenQueries })

    for (const question of [medicalQuestion, bothQuestion, 'which soil for roses']) {
      const [one, other] = [await engine.route(question), await unbound.route(question)]
      expect(one.experts).toEqual(other.experts)
      expect(one.decision).toBe(other.decision)
    }
  })

  it.each(['', 7, ' tool '])('are refused with the task %j', async (task) => {
    const { engine, base } = await bound()

    await expect(engine.experts.add({ ...toyExpert('x', [], base, words), task: task as string })).rejects.toMatchObject({
      argument: 'expert.task',
    })
  })
})

describe('an instruction expert', () => {
  it('reads the instruction before the question, through an adapter if it has one, and searches what its document side embedded', async () => {
    const { engine, base } = await bound()
    const turn = Float32Array.from(words, () => 0.1)
    const adapter = lowRankAdapter({ down: turn, up: turn, rank: 1, dimensions: words.length, id: 'turn' })
    const expert: InstructionExpert = {
      kind: 'instruction',
      name: 'finder',
      task: 'icl',
      queryEncoder: adaptedEncoder(instructionEncoder(base, 'find '), adapter),
      documentEncoder: instructionEncoder(base, 'sun '),
    }
    await engine.experts.add(expert)
    base.texts.length = 0

    const { hits } = await engine.retrieve('roses', { task: 'icl', topK: 1, lexicalWeight: 0 })

    expect(base.texts).toEqual(['roses', 'find roses'])
    const [question] = await base.encode(['find roses'])
    const [document] = await base.encode(['sun Roses like sun'])
    const cosine = adapter(question!).reduce((sum, value, i) => sum + value * document![i]!, 0)
    expect(hits[0]).toMatchObject({ document: { id: 'x1' }, expert: 'finder' })
    expect(hits[0]!.similarity).toBeCloseTo(cosine, 5)
  })
})
