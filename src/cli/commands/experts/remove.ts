import type { Command } from 'commander'
import { palette } from '../../display/colour.ts'
import type { Environment, ExitCode } from '../../environment.ts'
import { command, jsonOption } from '../../options.ts'

export function removeExpertCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  return command('remove', 'Take an expert out of a pack: its files, its routes and its scale.', [
    'pilotfish experts remove law --pack ./my-pack',
    'pilotfish experts remove law --pack ./my-pack --out ./without-law',
  ])
    .argument('<name>', 'of the expert')
    .requiredOption('--pack <dir>', 'the pack; changed in place without --out')
    .option('--out <dir>', 'where a copy of the pack without the expert goes')
    .addOption(jsonOption())
    .action(async (name: string, { pack, out, json }: { pack: string; out?: string; json?: boolean }) => {
      const { removeFromPack } = await import('../../../train/index.ts')
      const removed = await removeFromPack({ name, pack, ...(out !== undefined && { out }) })
      const { bold } = palette(environment.stdout, environment.variables)
      const left = removed.left.length === 0 ? 'The general one stays' : `There are left: general, ${removed.left.join(', ')}`
      environment.stdout.write(json ? `${JSON.stringify(removed, undefined, 2)}\n` : `${bold(name)} is out of ${out ?? pack}. ${left}.\n`)
      end(0)
    })
}
