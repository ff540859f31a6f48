import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UnknownExpertError } from '../errors.ts'
import { readPeft } from '../encoder/lora/peft.ts'
import { isDense } from '../expert/expert.ts'
import { insidePack, type Pack, type PackEndpoint, type PackExpert, type PackHub, type PackInstructions } from '../expert/pack.ts'
import { filesIn } from '../expert/write-pack.ts'
import { generalName, loadPack } from '../load-pack.ts'

/** All that a pack says of one expert, and what asking it costs. */
export interface ExpertDetails {
  readonly name: string
  readonly kind: PackExpert['kind']
  readonly description: string
  /** What it retrieves for. */
  readonly task?: string
  /** What it puts before texts. */
  readonly instructions?: PackInstructions
  /** Of its files in the pack; 0 for what lies elsewhere. */
  readonly bytes: number
  /** Of an adapter or a LoRA expert: the largest. */
  readonly rank?: number
  /** Layers that a LoRA expert changes: ends of their names, with how many there are of each. */
  readonly targets?: Readonly<Record<string, number>>
  /** Rows of the base's token table that a table expert changes. */
  readonly rows?: number
  readonly hub?: PackHub
  readonly endpoint?: PackEndpoint
  readonly sets?: readonly string[]
  readonly heldOut?: PackExpert['heldOut']
  readonly late?: boolean
  readonly multiTask?: boolean
  /** Of the documents it searches; `undefined` for lexical ones. */
  readonly space: string | undefined
  /** It searches the documents as the base embeds them. */
  readonly sharesSpace: boolean
  /** The router may choose it. */
  readonly routed: boolean
  /** What a query costs beside the one pass of the base that routes it. */
  readonly cost: ExpertCost
}

/** Beside the pass of the base that every query takes. */
export interface ExpertCost {
  /** Further passes of a model on this machine. */
  readonly passes: 0 | 1
  /** Whose pass that is: the base's own session with changed layers, or another model's. */
  readonly of?: 'base' | 'model'
  /** Requests to a server. */
  readonly requests: 0 | 1
}

/** Everything about one expert of a pack, the general one included. @throws UnknownExpertError, InvalidPackError */
export async function describeExpert(directory: string, name: string): Promise<ExpertDetails> {
  const loaded = await loadPack(directory)
  try {
    const { pack, experts, base, model, router } = loaded
    const expert = experts.find((each) => each.name === name)
    if (!expert)
      throw new UnknownExpertError(
        name,
        experts.map((each) => each.name),
      )
    const entry = pack.manifest.experts.find((each) => each.name === name)
    const own = entry ?? generalEntry(pack)
    const space = isDense(expert) ? expert.documentEncoder.id : undefined
    const { task, instructions, hub, endpoint, sets, heldOut, late, multiTask } = own
    return {
      name,
      kind: own.kind,
      description: expert.description ?? '',
      ...(task !== undefined && { task }),
      ...(instructions && { instructions }),
      bytes: await bytesOf(pack, own.path),
      ...(await weightsOf(pack, own, model?.dimensions)),
      ...(hub && { hub }),
      ...(endpoint && { endpoint }),
      ...(sets && { sets }),
      ...(heldOut && { heldOut }),
      ...(late !== undefined && { late }),
      ...(multiTask !== undefined && { multiTask }),
      space,
      sharesSpace: space === base.id,
      routed: router.experts.includes(name),
      cost: entry ? costOf(entry, model !== undefined) : { passes: 0, requests: 0 },
    }
  } finally {
    await loaded.close()
  }
}

const costs: Readonly<Record<PackExpert['kind'], ExpertCost>> = {
  table: { passes: 0, requests: 0 },
  adapter: { passes: 0, requests: 0 },
  lora: { passes: 1, of: 'base', requests: 0 },
  instruction: { passes: 1, of: 'base', requests: 0 },
  model: { passes: 1, of: 'model', requests: 0 },
  remote: { passes: 0, requests: 1 },
  lexical: { passes: 0, requests: 0 },
}

/** Behind an instruction the vector that routed the query is of no use. Rows of a table are summed again in microseconds. */
function costOf({ kind, instructions }: PackExpert, isStatic: boolean): ExpertCost {
  if (kind !== 'instruction' && kind !== 'adapter') return costs[kind]
  return instructions?.query && !isStatic ? costs.instruction : costs.adapter
}

function generalEntry({ manifest: { base } }: Pack): PackExpert {
  return { name: generalName, kind: 'model', path: base.path }
}

async function weightsOf(
  pack: Pack,
  { kind, path }: PackExpert,
  dimensions: number | undefined,
): Promise<Pick<ExpertDetails, 'rank' | 'targets' | 'rows'>> {
  if (path === undefined) return {}
  if (kind === 'table' && dimensions !== undefined) return { rows: (await pack.tensors(path)).get('rows')?.shape[0] ?? 0 }
  if (kind === 'adapter') return { rank: (await pack.tensors(path)).get('down')?.shape[0] ?? 0 }
  if (kind !== 'lora') return {}
  const { modules } = (await readPeft(insidePack(pack.directory, path))).weights
  const targets: Record<string, number> = {}
  for (const { module } of modules) {
    // What follows the number of the block is the same in all of them.
    const end = module.replace(/^.*\.\d+\./, '')
    targets[end] = (targets[end] ?? 0) + 1
  }
  return { rank: Math.max(...modules.map(({ rank }) => rank)), targets }
}

async function bytesOf({ directory }: Pack, path: string | undefined): Promise<number> {
  if (path === undefined) return 0
  const place = insidePack(directory, path)
  const found = await stat(place)
  if (found.isFile()) return found.size
  const sizes = await Promise.all((await filesIn(place)).map(async (file) => (await stat(join(place, file))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}
