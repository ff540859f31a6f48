import { InvalidPackError } from '../errors.ts'
import type { PackExpert, PackManifest } from './pack.ts'

/** Reads `pack.json`. @throws InvalidPackError that names the expert and the problem */
export function checkManifest(text: string, directory: string): PackManifest {
  let manifest: PackManifest
  try {
    manifest = JSON.parse(text) as PackManifest
  } catch (error) {
    throw new InvalidPackError(directory, 'has a pack.json that is not JSON', error)
  }
  const refuse = (problem: string): never => {
    throw new InvalidPackError(directory, problem)
  }
  if (typeof manifest !== 'object' || manifest === null) return refuse('has a pack.json that is not an object')
  if (manifest.format !== 1)
    return refuse(
      `is of format ${String(manifest.format)}; this version of Pilotfish reads format 1. Update Pilotfish, or make the pack again`,
    )
  if (typeof manifest.base?.path !== 'string') return refuse('names no base model in pack.json')
  if (manifest.base.kind !== 'static' && manifest.base.kind !== 'onnx')
    return refuse(`has a base of kind "${String(manifest.base.kind)}"; static and onnx are known`)
  if (!Array.isArray(manifest.experts)) return refuse('lists no experts in pack.json')
  const names = new Set<string>()
  for (const expert of manifest.experts) {
    if (typeof expert?.name !== 'string') return refuse('has an expert without a name in pack.json')
    if (names.has(expert.name)) return refuse(`has two experts named "${expert.name}"`)
    names.add(expert.name)
    checkExpert(expert, manifest, refuse)
  }
  const multiTask = manifest.experts.filter((expert) => expert.multiTask).map(({ name }) => name)
  if (multiTask.length > 1) return refuse(`has several multi-task experts: ${multiTask.join(', ')}`)
  return manifest
}

type Refuse = (problem: string) => never

const kinds = ['table', 'adapter', 'lora', 'instruction', 'model', 'remote', 'lexical']

function checkExpert(expert: PackExpert, { base }: PackManifest, refuse: Refuse): void {
  const { name, kind, path, heldOut, late, multiTask } = expert
  if (!kinds.includes(kind))
    refuse(`has the expert "${name}" of kind "${String(kind)}"; ${kinds.slice(0, -1).join(', ')} and ${kinds.at(-1)} are known`)
  if ((kind === 'table' || kind === 'adapter') && typeof path !== 'string') refuse(`names no file for the expert "${name}"`)
  if (kind === 'lora') {
    if (typeof path !== 'string') refuse(`names no directory for the LoRA expert "${name}"`)
    if (base.kind !== 'onnx')
      refuse(
        `has the LoRA expert "${name}", which changes the layers of a transformer, but its base is ${base.kind}; use a pack with an ONNX base`,
      )
  }
  checkTask(expert, refuse)
  if (kind === 'model') checkModel(expert, refuse)
  if (kind === 'remote') checkEndpoint(expert, refuse)
  if (heldOut !== undefined && !(isShare(heldOut?.general) && isShare(heldOut.expert)))
    refuse(`has held-out figures for the expert "${name}" that are not numbers from 0 to 1`)
  if (late !== undefined && typeof late !== 'boolean') refuse(`says neither true nor false of "late" for the expert "${name}"`)
  if (multiTask !== undefined && typeof multiTask !== 'boolean')
    refuse(`says neither true nor false of "multiTask" for the expert "${name}"`)
  if (multiTask && kind === 'lexical') refuse(`calls the lexical expert "${name}" trained on all questions`)
}

function checkTask({ name, kind, path, hub, task, instructions, documents, model }: PackExpert, refuse: Refuse): void {
  if (task !== undefined && !(isText(task) && task.trim() === task && task.length <= 64))
    refuse(`binds the expert "${name}" to the task ${JSON.stringify(task)}, which is no name of up to 64 characters`)
  if (kind === 'instruction') {
    if (instructions === undefined) refuse(`gives no instructions for the instruction expert "${name}"`)
    if (path !== undefined || hub !== undefined)
      refuse(`names files for the instruction expert "${name}", which is the base itself; experts with weights are of another kind`)
  }
  if (instructions !== undefined) {
    if (kind === 'remote')
      refuse(`has instructions for the remote expert "${name}"; give them as queryPrompt and documentPrompt of its endpoint`)
    if (kind === 'lexical') refuse(`has instructions for the lexical expert "${name}", which reads the words of a text`)
    const { query, document, ...others } = instructions ?? {}
    const texts = [query, document].every((text) => text === undefined || typeof text === 'string')
    if (typeof instructions !== 'object' || !texts || Object.keys(others).length > 0)
      refuse(`has instructions for the expert "${name}" that are not texts for query and document`)
    if (!query && !document) refuse(`has empty instructions for the expert "${name}"`)
    if ((query !== undefined && model?.queryPrompt !== undefined) || (document !== undefined && model?.documentPrompt !== undefined))
      refuse(`has both an instruction and a prompt of the model for the expert "${name}"; give one of the two`)
  }
  if (documents === undefined) return
  if (documents !== 'own' && documents !== 'base')
    refuse(`has "${String(documents)}" documents for the expert "${name}"; own and base are known`)
  if (kind === 'model') refuse(`says of the model expert "${name}" beside its model whose documents it searches; say it in the model`)
  if (kind !== 'table' && kind !== 'adapter' && kind !== 'lora')
    refuse(`says of the ${kind} expert "${name}" whose documents it searches; that is for table, adapter and LoRA experts`)
}

function checkModel({ name, path, hub, model }: PackExpert, refuse: Refuse): void {
  if ((path === undefined) === (hub === undefined))
    refuse(`must say of the model expert "${name}" either a directory (path) or a repository (hub), and not both`)
  if (path !== undefined && typeof path !== 'string') refuse(`names no directory for the model expert "${name}"`)
  if (hub !== undefined && !(isText(hub?.repository) && /^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(hub.repository)))
    refuse(`names a hub repository for the model expert "${name}" that is not of the form owner/name`)
  if (hub !== undefined && !isText(hub.revision))
    refuse(`names no revision of ${hub.repository} for the model expert "${name}"; a commit pins it`)
  if (model?.kind !== 'static' && model?.kind !== 'onnx')
    refuse(`has a model of kind "${String(model?.kind)}" for the expert "${name}"; static and onnx are known`)
  if (model!.documents !== undefined && model!.documents !== 'own' && model!.documents !== 'base')
    refuse(`has "${String(model!.documents)}" documents for the model expert "${name}"; own and base are known`)
  for (const field of ['dtype', 'pooling', 'queryPrompt', 'documentPrompt'] as const) {
    if (model![field] !== undefined && typeof model![field] !== 'string')
      refuse(`has a ${field} for the model expert "${name}" that is no text`)
  }
}

function checkEndpoint({ name, endpoint }: PackExpert, refuse: Refuse): void {
  const { url, model, dimensions, protocol, apiKeyVariable } = endpoint ?? {}
  const of = `for the remote expert "${name}"`
  if (!isText(url) || !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) refuse(`names no URL of http or https ${of}`)
  if (new URL(url!).username !== '' || new URL(url!).password !== '' || 'apiKey' in endpoint!)
    refuse(`holds a key ${of}; take it out of pack.json and name an environment variable (apiKeyVariable)`)
  if (!isText(model)) refuse(`names no model ${of}`)
  if (!(Number.isInteger(dimensions) && dimensions! > 0)) refuse(`has ${String(dimensions)} dimensions ${of}`)
  if (protocol !== undefined && protocol !== 'openai' && protocol !== 'tei')
    refuse(`has the protocol "${String(protocol)}" ${of}; openai and tei are known`)
  if (apiKeyVariable !== undefined && !(isText(apiKeyVariable) && /^[A-Za-z_]\w*$/.test(apiKeyVariable)))
    refuse(`has an apiKeyVariable ${of} that is not the name of an environment variable`)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isShare(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= 1
}
