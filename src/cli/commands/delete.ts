import type { Command } from 'commander'
import type { Filter } from '../../index.ts'
import { counted } from '../display/numbers.ts'
import { UsageError, type Environment, type ExitCode } from '../environment.ts'
import { openToWrite } from '../open-index.ts'
import { command, filterJson, indexOption, jsonOption, packOption } from '../options.ts'

interface DeleteOptions {
  readonly index: string
  readonly pack?: string
  readonly ids?: readonly string[]
  readonly filter?: Filter
  readonly all?: boolean
  readonly json?: boolean
}

export function deleteCommand(environment: Environment, end: (code: ExitCode) => void): Command {
  return command('delete', 'Delete documents by id or by their metadata.', [
    'pilotfish delete --index ./knowledge --ids guide/old.md faq-17',
    'pilotfish delete --index ./knowledge --filter \'{"chunkOf": "guide/long.md"}\'   # all parts of a split document',
    'pilotfish delete --index ./knowledge --all',
  ])
    .addOption(indexOption())
    .addOption(packOption())
    .option('--ids <id...>', 'documents with these ids')
    .option('--filter <json>', 'documents whose metadata match', filterJson)
    .option('--all', 'every document')
    .addOption(jsonOption())
    .action(async (options: DeleteOptions) => end(await remove(options, environment)))
}

async function remove({ index, pack, ids, filter, all, json }: DeleteOptions, environment: Environment): Promise<ExitCode> {
  if ([ids, filter, all].filter((way) => way !== undefined).length !== 1) throw new UsageError('Give one of --ids, --filter and --all.')
  if (filter && Object.keys(filter).length === 0) throw new UsageError('The filter {} matches every document. Say --all if that is meant.')
  const engine = await openToWrite(environment, index, pack)
  try {
    const deleted = await engine.delete(ids ? { ids } : { filter: filter ?? {} })
    environment.stdout.write(json ? `${JSON.stringify({ deleted })}\n` : `${counted(deleted, 'document')} deleted\n`)
    return 0
  } finally {
    await engine.close()
  }
}
