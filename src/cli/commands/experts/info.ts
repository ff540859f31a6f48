import type { Command } from 'commander'
import { palette } from '../../display/colour.ts'
import { expertText } from '../../display/expert.ts'
import type { Environment, ExitCode } from '../../environment.ts'
import { command, jsonOption, packOption } from '../../options.ts'

export function expertInfoCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  return command('info', 'Show what an expert is, what it was worth and what a query costs.', [
    'pilotfish experts info medical',
    'pilotfish experts info law --pack ./my-pack --json',
  ])
    .argument('<name>', 'of the expert')
    .addOption(packOption())
    .addOption(jsonOption())
    .action(async (name: string, { pack, json }: { pack?: string; json?: boolean }) => {
      const [{ bundledPack }, { describeExpert }] = await Promise.all([import('../../../index.ts'), import('../../../train/index.ts')])
      const expert = await describeExpert(pack ?? bundledPack(), name)
      environment.stdout.write(
        json ? `${JSON.stringify(expert, undefined, 2)}\n` : expertText(expert, palette(environment.stdout, environment.variables)),
      )
      end(0)
    })
}
