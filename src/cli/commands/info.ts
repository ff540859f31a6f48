import type { Command } from 'commander'
import { palette } from '../display/colour.ts'
import { count } from '../display/numbers.ts'
import type { Environment, ExitCode } from '../environment.ts'
import { openToRead } from '../open-index.ts'
import { command, indexOption, jsonOption, packOption } from '../options.ts'

export function infoCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  return command('info', 'Show what an index holds.', ['pilotfish info --index ./knowledge', 'pilotfish info --index ./knowledge --json'])
    .addOption(indexOption())
    .addOption(packOption())
    .addOption(jsonOption())
    .action(async ({ index, pack, json }: { index: string; pack?: string; json?: boolean }) => {
      const engine = await openToRead(environment, index, pack)
      try {
        const info = await engine.info()
        const experts = engine.experts.list()
        const { bold, dim } = palette(environment.stdout, environment.variables)
        const lines = [
          `${bold(index)} holds ${count(info.documents)} document${info.documents === 1 ? '' : 's'}`,
          ...info.spaces.flatMap(({ space, dimensions, vectors }) => {
            const users = experts.filter((expert) => expert.space === space).map(({ name }) => name)
            return [
              `  ${dim('space    ')} ${space}`,
              `  ${dim('vectors  ')} ${count(vectors)} of ${dimensions} dimensions`,
              `  ${dim('experts  ')} ${users.join(', ') || 'none of this pack'}`,
            ]
          }),
        ]
        environment.stdout.write(`${json ? JSON.stringify({ ...info, experts }, undefined, 2) : lines.join('\n')}\n`)
        end(0)
      } finally {
        await engine.close()
      }
    })
}
