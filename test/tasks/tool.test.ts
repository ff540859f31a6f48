import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { functionTool } from '../../src/tasks/function-tool.ts'
import { toolKey, type ToolDescription, type ToolParameter } from '../../src/tasks/tool.ts'

const tides: ToolDescription = {
  category: 'Weather',
  tool: 'Tide tables',
  name: 'Next tide',
  description: 'When the tide turns at a harbour',
  required: [{ name: 'harbour', type: 'STRING', description: 'Its name', default: 'Brest' }],
  optional: [{ name: 'days', type: 'NUMBER' }],
  returns: { times: ['str'], height: 'float' },
}

describe('the description of a tool', () => {
  it('names category, tool, name and what it does, then parameters and return value as JSON', () => {
    expect(toolKey(tides)).toBe(
      'Weather, Tide tables, Next tide, When the tide turns at a harbour, ' +
        'required_params: [{"name": "harbour", "type": "STRING", "description": "Its name", "default": "Brest"}], ' +
        'optional_params: [{"name": "days", "type": "NUMBER", "description": "", "default": ""}], ' +
        'return_schema: {"times": ["str"], "height": "float"}',
    )
  })

  it('leaves out what nobody says, and keeps the places of what is empty', () => {
    expect(toolKey({ name: 'Ping' })).toBe('Ping, , required_params: [], optional_params: [], return_schema: ""')
  })

  it('keeps quotes, line breaks and other scripts readable by a JSON parser', () => {
    const text = toolKey({ name: 'x', returns: { 'a"b': 'Größe\n潮', none: null, gone: undefined } })

    expect(text).toContain('Größe\\n潮')
    expect(JSON.parse(text.split('return_schema: ')[1]!)).toEqual({ 'a"b': 'Größe\n潮', none: null })
  })

  it('must have a name, and hold what JSON has', () => {
    expect(() => toolKey({ name: '' })).toThrow(/tool\.name is missing/)
    expect(() => toolKey({ name: 'x', returns: () => 1 })).toThrow(/holds a function, which JSON has not/)
    expect(() => toolKey({ name: 'x', returns: [1n] })).toThrow(/holds a bigint, which JSON has not/)
  })

  const toy = fileURLToPath(new URL('../../../shared/data/llm-embedder-toy/tool.json', import.meta.url))
  const missing = !existsSync(toy)
  it.skipIf(missing)(
    `is written as in the official toy samples${missing ? ' (skipped: ../shared/data/llm-embedder-toy is not there)' : ''}`,
    () => {
      const texts = readFileSync(toy, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .flatMap((line) => {
          const { pos, neg } = JSON.parse(line) as { pos: string[]; neg: string[] }
          return [...pos, ...neg]
        })

      for (const text of texts) {
        const [, head, required, optional, returns] =
          /^(.*), required_params: (\[.*?\]), optional_params: (\[.*\]), return_schema: (.*)$/s.exec(text)!
        const [category, tool, name, ...rest] = head!.split(', ')
        const written = toolKey({
          category: category!,
          tool: tool!,
          name: name!,
          description: rest.join(', '),
          required: JSON.parse(required!) as ToolParameter[],
          optional: JSON.parse(optional!) as ToolParameter[],
          returns: JSON.parse(returns!),
        })
        // Python escapes what is not ASCII, and only inside JSON.
        const inJson = text
          .slice(head!.length)
          .replaceAll(/(?<!\\)\\u([0-9a-f]{4})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
        expect(written).toBe(head! + inJson)
      }
      expect(texts).toHaveLength(223)
    },
  )
})

describe('a function definition', () => {
  const definition = {
    name: 'next_tide',
    description: 'When the tide turns',
    parameters: {
      type: 'object',
      properties: {
        harbour: { type: 'string', description: 'Its name' },
        unit: { type: ['string', 'null'], enum: ['m', 'ft'], description: 'Of the height.', default: 'm' },
        spans: { anyOf: [{ type: 'number' }, { type: 'string' }] },
        days: { type: ['integer', 'null'], default: 3 },
      },
      required: ['harbour', 'spans'],
    },
  } as const

  it('becomes a tool whose parameters are the required and the optional ones', () => {
    expect(functionTool(definition)).toEqual({
      name: 'next_tide',
      description: 'When the tide turns',
      required: [
        { name: 'harbour', type: 'STRING', description: 'Its name' },
        { name: 'spans', type: 'ANY', description: '' },
      ],
      optional: [
        { name: 'unit', type: 'ENUM', description: 'Of the height. One of: m, ft', default: 'm' },
        { name: 'days', type: 'INTEGER', description: '', default: 3 },
      ],
    })
  })

  it('may keep the wrapper that chat APIs have around it, and be told its category', () => {
    const tool = functionTool({ type: 'function', function: { name: 'ping' } }, { category: 'Network', tool: 'Probe' })

    expect(toolKey(tool)).toBe('Network, Probe, ping, , required_params: [], optional_params: [], return_schema: ""')
  })

  it.each([{ parameters: null }, { parameters: { properties: null, required: null } }, { description: null as never }])(
    'may say null of what it has not: %j',
    (declared) => {
      expect(functionTool({ name: 'ping', ...declared })).toEqual({ name: 'ping', required: [], optional: [] })
    },
  )

  it('must have a name', () => {
    expect(() => functionTool({ name: '' })).toThrow(/function\.name is missing/)
    expect(() => functionTool(null as never)).toThrow(/function\.name is missing/)
    expect(() => functionTool({ type: 'function', function: undefined as never })).toThrow(/function\.name is missing/)
  })
})
