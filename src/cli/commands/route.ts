import type { Command } from 'commander'
import { palette } from '../display/colour.ts'
import { routeLines } from '../display/route.ts'
import type { Environment, ExitCode } from '../environment.ts'
import { openEmpty } from '../open-index.ts'
import { command, jsonOption, packOption } from '../options.ts'

export function routeCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  return command('route', 'Show which expert a question goes to, and why. Needs no index.', [
    "pilotfish route 'my card was swallowed by the machine'",
    "pilotfish route 'unpack a tar archive' --json | jq -r '.experts[0].name'",
  ])
    .argument('<question>')
    .option('--task <name>', 'choose only among experts that are bound to this task')
    .addOption(packOption())
    .addOption(jsonOption())
    .action(async (question: string, { task, pack, json }: { task?: string; pack?: string; json?: boolean }) => {
      const engine = await openEmpty(environment, pack)
      try {
        const route = await engine.route(question, { ...(task !== undefined && { task }) })
        const text = json
          ? JSON.stringify({ query: question, ...route }, undefined, 2)
          : routeLines(route, palette(environment.stdout, environment.variables), Number.POSITIVE_INFINITY).join('\n')
        environment.stdout.write(`${text}\n`)
        end(0)
      } finally {
        await engine.close()
      }
    })
}
