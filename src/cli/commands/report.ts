import { stat } from 'node:fs/promises'
import type { Command } from 'commander'
import type { Environment, ExitCode } from '../environment.ts'
import { command } from '../options.ts'

interface ReportCommandOptions {
  readonly out: string
  readonly title?: string
  readonly quiet?: boolean
}

export function reportCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  return command('report', 'Make one HTML file out of saved results: tables, plots and every question, to be opened in a browser.', [
    'pilotfish eval --data ./sets --out results && pilotfish report results --out report.html',
    "pilotfish report alone merged --out report.html --title 'Our handbook, routed'",
  ])
    .argument('<dir...>', 'results directories, as `pilotfish eval --out` writes them; each becomes a tab')
    .requiredOption('-o, --out <file>', 'the HTML file')
    .option('--title <text>', "the report's heading")
    .option('-q, --quiet', 'say nothing')
    .action(async (directories: readonly string[], { out, title, quiet }: ReportCommandOptions) => {
      const { writeReport } = await import('../../eval/index.ts')
      await writeReport(directories, out, { ...(title !== undefined && { title }) })
      if (!quiet)
        environment.stdout.write(
          `Wrote ${out} (${((await stat(out)).size / 1e6).toFixed(1)} MB). Open it in a browser; it needs no network.\n`,
        )
      end(0)
    })
}
