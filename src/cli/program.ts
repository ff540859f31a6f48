import { Command, CommanderError } from 'commander'
import manifest from '../../package.json' with { type: 'json' }
import { PilotfishError } from '../errors.ts'
import { addCommand } from './commands/add.ts'
import { deleteCommand } from './commands/delete.ts'
import { evalCommand } from './commands/eval.ts'
import { evalTasksCommand } from './commands/eval-tasks.ts'
import { expertsCommand } from './commands/experts.ts'
import { infoCommand } from './commands/info.ts'
import { reportCommand } from './commands/report.ts'
import { rewardCommand } from './commands/reward.ts'
import { routeCommand } from './commands/route.ts'
import { searchCommand } from './commands/search.ts'
import { studyCommand } from './commands/study.ts'
import { trainCommand } from './commands/train.ts'
import { trainTasksCommand } from './commands/train-tasks.ts'
import { UsageError, type Environment, type ExitCode } from './environment.ts'

/** Executes one command line (without `node` and the script's name) and returns its exit code. Never rejects. */
export async function runCli(argv: readonly string[], environment: Environment): Promise<ExitCode> {
  let code: ExitCode = 0
  const program = createProgram(environment, (result) => (code = result))
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    const line = error instanceof Error ? error.message : String(error)
    const detail = argv.includes('--verbose') && error instanceof Error ? stackOf(error) : ''
    environment.stderr.write(`pilotfish: ${line}\n${detail}`)
    return isUsage(error) ? 2 : 1
  }
}

function createProgram(environment: Environment, end: (code: ExitCode) => void): Command {
  const program = new Command('pilotfish')
    .description('Routes each question to the embedding expert that knows its domain: on this machine, without an LLM call.')
    .version(manifest.version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText(
      'after',
      "\nExamples:\n  $ pilotfish add ./docs --index ./knowledge\n  $ pilotfish search 'how much ibuprofen for a toddler?' --index ./knowledge",
    )
  for (const make of [
    addCommand,
    searchCommand,
    routeCommand,
    infoCommand,
    deleteCommand,
    expertsCommand,
    trainCommand,
    trainTasksCommand,
    rewardCommand,
    evalCommand,
    evalTasksCommand,
    studyCommand,
    reportCommand,
  ]) {
    const one = make(environment, end)
    // Options of a group of commands belong to its commands.
    for (const each of one.commands.length > 0 ? one.commands : [one]) each.option('--verbose', 'show the stack of an error')
    program.addCommand(one)
  }
  for (const each of [program, ...program.commands.flatMap((one) => [one, ...one.commands])]) {
    each.exitOverride().configureOutput({
      writeOut: (text) => void environment.stdout.write(text),
      writeErr: (text) => void environment.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'pilotfish: ')),
      getOutHelpWidth: () => Math.min(environment.stdout.columns ?? 80, 100),
      getErrHelpWidth: () => Math.min(environment.stderr.columns ?? 80, 100),
    })
  }
  return program
}

/** A mistake on the command line that only the engine could see. */
function isUsage(error: unknown): boolean {
  if (error instanceof UsageError) return true
  return PilotfishError.is(error) && ['INVALID_ARGUMENT', 'INVALID_FILTER', 'UNKNOWN_EXPERT', 'UNKNOWN_TASK'].includes(error.code)
}

function stackOf(error: Error): string {
  const own = `${error.stack ?? ''}\n`
  return error.cause instanceof Error ? `${own}caused by ${stackOf(error.cause)}` : own
}
