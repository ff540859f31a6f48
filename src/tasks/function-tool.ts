import { InvalidArgumentError } from '../errors.ts'
import type { ToolDescription, ToolParameter } from './tool.ts'

/** A function as it is declared to a language model: parameters as a JSON schema of an object. */
export interface FunctionDefinition {
  readonly name: string
  readonly description?: string
  /** `null` or left out where it takes none. */
  readonly parameters?: JsonSchema | null
}

/** The fields of a JSON schema that say something of a parameter; others are ignored. */
export interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, JsonSchema | undefined>> | null
  readonly required?: readonly string[] | null
  readonly [other: string]: unknown
}

/**
 * A function definition as a tool to search for with `toolKey`. OpenAI's wrapper (`{ type: 'function', function }`) may stay around it.
 * @param about What such a definition does not say. @throws InvalidArgumentError
 */
export function functionTool(
  definition: FunctionDefinition | { readonly type: 'function'; readonly function: FunctionDefinition },
  about: Pick<ToolDescription, 'category' | 'tool' | 'returns'> = {},
): ToolDescription {
  // Whoever reads declarations from JSON finds null for what is not there.
  const bare: Partial<FunctionDefinition> | null | undefined = definition && 'function' in definition ? definition.function : definition
  const { name, description, parameters } = bare ?? {}
  if (typeof name !== 'string' || name === '') throw new InvalidArgumentError('function.name', 'is missing')
  const required = parameters?.required ?? []
  const all = Object.entries(parameters?.properties ?? {}).flatMap(([key, schema]) =>
    schema ? [{ key, parameter: parameterOf(key, schema) }] : [],
  )
  return {
    ...about,
    name,
    ...(typeof description === 'string' && { description }),
    required: all.filter(({ key }) => required.includes(key)).map(({ parameter }) => parameter),
    optional: all.filter(({ key }) => !required.includes(key)).map(({ parameter }) => parameter),
  }
}

function parameterOf(name: string, { type, description = '', enum: values, default: usual }: JsonSchema): ToolParameter {
  // The format has no place for the values, and they are what a request speaks of.
  const choices = values?.length ? `One of: ${values.map((value) => String(value)).join(', ')}` : ''
  const types = [type ?? []].flat().filter((each) => each !== 'null')
  return {
    name,
    type: choices ? 'ENUM' : types.join(' or ').toUpperCase() || 'ANY',
    description: [description, choices].filter((part) => part !== '').join(' '),
    ...(usual !== undefined && { default: usual }),
  }
}
