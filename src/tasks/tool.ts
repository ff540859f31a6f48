import { InvalidArgumentError } from '../errors.ts'

/** A tool as catalogues of APIs describe it. */
export interface ToolDescription {
  /** Of the catalogue: `Weather`. @default left out */
  readonly category?: string
  /** The API that it belongs to. @default left out */
  readonly tool?: string
  readonly name: string
  readonly description?: string
  readonly required?: readonly ToolParameter[]
  readonly optional?: readonly ToolParameter[]
  /** What it returns, as JSON: field names and types. */
  readonly returns?: unknown
}

export interface ToolParameter {
  readonly name: string
  /** `STRING`, `NUMBER`, `BOOLEAN`, `ENUM` … */
  readonly type: string
  readonly description?: string
  readonly default?: unknown
}

/**
 * A tool as it is stored and searched (task `tool`), in the format of ToolBench that LLM-Embedder was trained on: category, tool, name and
 * description, then parameters and return value as JSON. Characters of other scripts stay as they are, where Python would escape them.
 */
export function toolKey(tool: ToolDescription): string {
  const { category, tool: api, name, description = '', required = [], optional = [], returns = '' } = tool
  if (typeof name !== 'string' || name === '')
    throw new InvalidArgumentError('tool.name', 'is missing', 'A tool is searched by its name too.')
  return [
    ...(category === undefined ? [] : [category]),
    ...(api === undefined ? [] : [api]),
    name,
    description,
    `required_params: ${spaced(required.map(parameter))}`,
    `optional_params: ${spaced(optional.map(parameter))}`,
    `return_schema: ${spaced(returns)}`,
  ].join(', ')
}

function parameter({ name, type, description = '', default: usual = '' }: ToolParameter): object {
  return { name, type, description, default: usual }
}

/** JSON as Python writes it: a space after every comma and colon. @throws InvalidArgumentError */
function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(', ')}]`
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => `${JSON.stringify(key)}: ${spaced(item)}`)
      .join(', ')}}`
  const text = typeof value === 'bigint' ? undefined : (JSON.stringify(value) as string | undefined)
  if (text === undefined) throw new InvalidArgumentError('tool', `holds a ${typeof value}, which JSON has not`)
  return text
}
