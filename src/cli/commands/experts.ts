import type { Command } from 'commander'
import type { ExpertInfo } from '../../index.ts'
import { palette } from '../display/colour.ts'
import { lineWidth } from '../display/hits.ts'
import { column, wrap } from '../display/text.ts'
import type { Environment, ExitCode } from '../environment.ts'
import { openEmpty } from '../open-index.ts'
import { command, jsonOption, packOption } from '../options.ts'

export function expertsCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  return command('experts', 'List the experts of a pack.', ['pilotfish experts', 'pilotfish experts --pack ./my-pack --json'])
    .addOption(packOption())
    .addOption(jsonOption())
    .action(async ({ pack, json }: { pack?: string; json?: boolean }) => {
      const engine = await openEmpty(environment, pack)
      try {
        const experts = engine.experts.list()
        const { bold, dim } = palette(environment.stdout, environment.variables)
        const width = lineWidth(environment.stdout.columns)
        const lines = experts.flatMap((expert) => {
          const { name, kind, description, routed } = expert
          const note = routed ? description : `${description}${description && ' '}(asked when named, or when no expert fits)`
          const [first = '', ...more] = [...wrap(note, width - 24, 3), ...wrap(figures(expert), width - 24, 3).map(dim)]
          return [`${bold(column(name, 14))} ${dim(column(kind, 8))} ${first}`, ...more.map((line) => ' '.repeat(24) + line)]
        })
        environment.stdout.write(`${json ? JSON.stringify(experts, undefined, 2) : lines.join('\n')}\n`)
        end(0)
      } finally {
        await engine.close()
      }
    })
}

/** What the expert was worth when it was made, and whether the base knew its questions. */
function figures({ heldOut, late }: ExpertInfo): string {
  const percent = (share: number): string => (Math.round(share * 1000) / 10).toFixed(1)
  const parts = [heldOut && `nDCG@10, held out: general ${percent(heldOut.general)} → ${percent(heldOut.expert)}`, late && 'arrived later']
  return parts.filter(Boolean).join(' · ')
}
