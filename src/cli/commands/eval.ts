import type { Command } from 'commander'
import type { Environment, ExitCode } from '../environment.ts'
import { command, indexOption, jsonOption, packOption } from '../options.ts'

export function evalCommand(_environment: Environment, _end: (code: ExitCode) => void): Command {
  return command('eval', 'Ask every query of retrieval sets and score the answers against the judgements.', [
    'pilotfish eval --data sets/* --index ./merged --markdown results.md',
  ])
    .addOption(indexOption())
    .addOption(packOption())
    .addOption(jsonOption())
}
