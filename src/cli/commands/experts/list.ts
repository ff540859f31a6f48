import type { Command } from 'commander'
import { palette } from '../../display/colour.ts'
import { figuresLine } from '../../display/expert.ts'
import { lineWidth } from '../../display/hits.ts'
import { column, wrap } from '../../display/text.ts'
import { UsageError, type Environment, type ExitCode } from '../../environment.ts'
import { openEmpty } from '../../open-index.ts'
import { command, jsonOption, packOption } from '../../options.ts'

export function listExpertsCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  return command('list', 'List the experts of a pack.', ['pilotfish experts list', 'pilotfish experts --pack ./my-pack --json'])
    .addOption(packOption())
    .addOption(jsonOption())
    .allowExcessArguments()
    .action(async ({ pack, json }: { pack?: string; json?: boolean }, { args: [unknown] }: Command) => {
      if (unknown !== undefined)
        throw new UsageError(`There is no command "experts ${unknown}". There are: list, info NAME, add SOURCE, remove NAME.`)
      const engine = await openEmpty(environment, pack)
      try {
        const experts = engine.experts.list()
        const { bold, dim } = palette(environment.stdout, environment.variables)
        const width = lineWidth(environment.stdout.columns)
        const kinds = Math.max(8, ...experts.map(({ kind }) => kind.length))
        const lines = experts.flatMap((expert) => {
          const { name, kind, description, task, routed } = expert
          const note = [description, whenAsked(routed, task)].filter((part) => part !== '').join(' ')
          const [first = '', ...more] = [...wrap(note, width - 16 - kinds, 3), ...wrap(figuresLine(expert), width - 16 - kinds, 3).map(dim)]
          return [`${bold(column(name, 14))} ${dim(column(kind, kinds))} ${first}`, ...more.map((line) => ' '.repeat(16 + kinds) + line)]
        })
        environment.stdout.write(`${json ? JSON.stringify(experts, undefined, 2) : lines.join('\n')}\n`)
        end(0)
      } finally {
        await engine.close()
      }
    })
}

function whenAsked(routed: boolean, task: string | undefined): string {
  if (task !== undefined) return routed ? `(also asked for the task ${task})` : `(asked when named, or for the task ${task})`
  return routed ? '' : '(asked when named, or when no expert fits)'
}
