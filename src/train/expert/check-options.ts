import { InvalidArgumentError } from '../../errors.ts'
import { checkTemperature } from '../losses/loss.ts'
import type { AnyExpertOptions } from './expert.ts'

/** Least values of options that are whole numbers. */
const whole = { steps: 1, batchSize: 1, negatives: 0, hardNegatives: 0, candidates: 0, rank: 1, checkpointEvery: 1 } as const

/** Numbers that mean nothing are named before anything is embedded. @throws InvalidArgumentError */
export function checkOptions(options: AnyExpertOptions): void {
  const { method, rates, temperature, dropout, seed } = options
  if (!['table', 'adapter', 'lora'].includes(method))
    throw new InvalidArgumentError('method', `is ${JSON.stringify(method)}`, 'There are table, adapter and lora.')
  if (rates && (rates.length === 0 || !rates.every((rate) => rate > 0 && Number.isFinite(rate))))
    throw new InvalidArgumentError('rates', 'must hold positive numbers')
  const given = options as { readonly [name in keyof typeof whole]?: number }
  for (const [name, least] of Object.entries(whole)) {
    const value = given[name as keyof typeof whole]
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= least))
      throw new InvalidArgumentError(name, `is ${value}, not a whole number from ${least} on`)
  }
  if (temperature !== undefined) checkTemperature('temperature', temperature)
  if (dropout !== undefined && !(dropout >= 0 && dropout < 1))
    throw new InvalidArgumentError('dropout', `is ${dropout}, not a number from 0 to below 1`)
  if (seed !== undefined && !Number.isSafeInteger(seed)) throw new InvalidArgumentError('seed', `is ${seed}, not a whole number`)
  const { pull } = options.method === 'table' ? options : {}
  if (pull !== undefined && !(pull >= 0 && Number.isFinite(pull)))
    throw new InvalidArgumentError('pull', `is ${pull}, not a number from 0 on`)
}
