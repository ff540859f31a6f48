import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../src/engine.ts'
import { bundledPack } from '../src/load-pack.ts'
import { openPilotfish } from '../src/open.ts'

/** Questions of one domain, none of them among those the router learned from. */
const questions: Record<string, readonly string[]> = {
  medical: ['what are the symptoms of pneumonia?', 'how is kidney failure treated?', 'is my cough a sign of bronchitis?'],
  shell: ['list all files recursively and sort them by size', 'how do I delete a line with sed?', 'mount an iso image in linux'],
  code: ['python function to reverse a linked list', 'how to read a yaml file in python', 'python remove duplicates from a list'],
  tools: ['which api translates documents?', 'I need a model that detects objects in images', 'find a plugin for booking hotels'],
  bank: ['my card payment was declined', 'why has my transfer not arrived yet?', 'how do I unblock my pin?'],
  assistant: ['set an alarm for seven in the morning', 'what is the weather like in paris', 'play the next song'],
}

describe('the bundled pack', () => {
  let fish: Engine
  beforeAll(async () => void (fish = await openPilotfish()))
  afterAll(() => fish.close())

  it('routes at least nine questions in ten to the expert of their domain', async () => {
    const asked = Object.entries(questions).flatMap(([expert, texts]) => texts.map((text) => ({ expert, text })))
    const routes = await Promise.all(asked.map(({ text }) => fish.route(text)))

    const astray = asked.filter(({ expert }, i) => !routes[i]!.experts.some(({ name }) => name === expert)).map(({ text }) => text)

    expect(astray.length, astray.join(', ')).toBeLessThanOrEqual(asked.length / 10)
  })

  it.each([
    ['how do I unpack a tar archive, and what are the symptoms of pneumonia?', ['medical', 'shell']],
    ['my card payment was declined; also set an alarm for seven', ['assistant', 'bank']],
    ['python function to reverse a list and the bash command to list files', ['code', 'shell']],
  ])('asks two experts: %s', async (question, both) => {
    const { decision, experts } = await fish.route(question)

    expect(decision).toBe('fused')
    expect(experts.map(({ name }) => name).sort()).toEqual(both)
  })

  it('lists the checksum of every file it holds', () => {
    const { files, experts } = JSON.parse(readFileSync(join(bundledPack(), 'pack.json'), 'utf8')) as {
      files: Record<string, string>
      experts: { path: string }[]
    }

    expect(Object.keys(files)).toEqual(
      expect.arrayContaining(['pilots.safetensors', 'base/model.safetensors', ...experts.map(({ path }) => path)]),
    )
  })

  it('stays below 20 MB', () => {
    const sizes = readdirSync(bundledPack(), { recursive: true, encoding: 'utf8' }).map((name) => statSync(join(bundledPack(), name)))

    expect(sizes.reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0)).toBeLessThan(20e6)
  })
})
