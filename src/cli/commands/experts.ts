import type { Command } from 'commander'
import type { Environment, ExitCode } from '../environment.ts'
import { command } from '../options.ts'
import { addExpertCommand } from './experts/add.ts'
import { expertInfoCommand } from './experts/info.ts'
import { listExpertsCommand } from './experts/list.ts'
import { removeExpertCommand } from './experts/remove.ts'

export function expertsCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  const experts = command('experts', 'List, show, add and remove the experts of a pack.', [
    'pilotfish experts',
    'pilotfish experts info medical',
    'pilotfish experts add ./my-adapter --name law --pack ./my-pack --pairs law.csv',
    'pilotfish experts remove law --pack ./my-pack',
  ])
  experts.helpCommand('help [command]', 'show the help of a command')
  // Alone it lists.
  experts.addCommand(listExpertsCommand(environment, end), { isDefault: true })
  for (const make of [expertInfoCommand, addExpertCommand, removeExpertCommand]) experts.addCommand(make(environment, end))
  return experts
}
