import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isAbsolute, join, normalize } from 'node:path'
import { InvalidPackError } from '../errors.ts'
import { checkManifest } from './check-manifest.ts'
import { readSafetensors, type Tensor } from '../safetensors.ts'

/** `pack.json`: what a directory of experts holds and how they were calibrated. */
export interface PackManifest {
  /** Version of this format. */
  readonly format: 1
  readonly name: string
  readonly version: string
  /** Languages the experts were trained on (ISO 639-1); others go to the general expert or BM25. */
  readonly languages: readonly string[]
  /** `dtype`: the variant of an ONNX model. @default 'fp32' */
  readonly base: { readonly path: string; readonly kind: 'static' | 'onnx'; readonly dtype?: string }
  readonly experts: readonly PackExpert[]
  /** What `loadRouter` reads, beside the file `pilots` names. */
  readonly router?: unknown
  /** The router's tensors, relative to the pack. @default 'pilots.safetensors' */
  readonly pilots?: string
  /** What `fusion` reads. */
  readonly calibration?: unknown
  /** BM25 constants the calibration was made with. */
  readonly lexical?: { readonly k1?: number; readonly b?: number; readonly titleWeight?: number }
  /** SHA-256 (hex) of every other file of the pack, by path. */
  readonly files?: Readonly<Record<string, string>>
}

export interface PackExpert {
  readonly name: string
  readonly kind: 'table' | 'adapter' | 'lora' | 'instruction' | 'model' | 'remote' | 'lexical'
  /**
   * Relative to the pack: the file of a table or adapter expert, the directory of a LoRA expert (PEFT's two files) or of a model.
   * Instruction, lexical and remote experts have none, nor has a model from a hub.
   */
  readonly path?: string
  /** What it retrieves for: one of the six tasks, or a name of one's own. @default none */
  readonly task?: string
  /** Put before its texts. Not for remote and lexical experts, and beside a prompt of the model for the same side. @default none */
  readonly instructions?: PackInstructions
  /**
   * Of table, adapter and LoRA experts. `base`: it searches documents as the base embeds them, with its document instruction if it has one.
   * `own`: its weights changed both sides, and embed documents too, in a space of their own. @default 'base'
   */
  readonly documents?: 'base' | 'own'
  /** Where a model comes from that does not lie in the pack. */
  readonly hub?: PackHub
  /** How a model is read. */
  readonly model?: PackModel
  /** Who makes a remote expert's vectors. */
  readonly endpoint?: PackEndpoint
  readonly description?: string
  /** Retrieval sets it was trained on, by name: whose expert an evaluation takes it for. */
  readonly sets?: readonly string[]
  /** nDCG@10 on held-out queries of its domain, fractions of 1. */
  readonly heldOut?: { readonly general: number; readonly expert: number }
  /** Arrived after the base: the base was trained without its questions. */
  readonly late?: boolean
  /** Trained on the questions of all experts; no router asks it. At most one in a pack. */
  readonly multiTask?: boolean
}

/** What is put before texts, its closing colon or space included. */
export interface PackInstructions {
  readonly query?: string
  readonly document?: string
}

/** A repository on a Hugging Face-type hub. */
export interface PackHub {
  /** `owner/name` */
  readonly repository: string
  /** A commit pins it, and needs no network once it is cached; a branch or a tag may move. */
  readonly revision: string
}

/** How a model expert's files are used, where they do not say themselves. */
export interface PackModel {
  readonly kind: 'static' | 'onnx'
  /** Variant of an ONNX model, as transformers.js names them. @default 'fp32' */
  readonly dtype?: string
  /** @default what the model's files say */
  readonly pooling?: string
  /** One of the model's named prompts, or a text to put before every question. @default the model's default prompt */
  readonly queryPrompt?: string
  readonly documentPrompt?: string
  /** `base`: its questions search the documents as the base embeds them, for models trained against frozen documents. @default 'own' */
  readonly documents?: 'own' | 'base'
}

/** A server that makes embeddings. Never its key: `apiKeyVariable` names an environment variable. */
export interface PackEndpoint {
  /** OpenAI-compatible `…/embeddings`, or Text Embeddings Inference `…/embed`. */
  readonly url: string
  readonly model: string
  readonly dimensions: number
  /** @default by the URL's end */
  readonly protocol?: 'openai' | 'tei'
  /** Ask for vectors cut to `dimensions`. @default false */
  readonly shorten?: boolean
  readonly apiKeyVariable?: string
  readonly queryPrompt?: string
  readonly documentPrompt?: string
}

/** An open pack directory: files are read on demand, checked against the manifest's checksums. */
export interface Pack {
  readonly directory: string
  readonly manifest: PackManifest
  tensors(path: string): Promise<Map<string, Tensor>>
  has(path: string): boolean
}

/** Opens a pack directory. @throws InvalidPackError when it is missing, of another format, or incomplete */
export async function openPack(directory: string): Promise<Pack> {
  const manifestPath = join(directory, 'pack.json')
  let text: string
  try {
    text = await readFile(manifestPath, 'utf8')
  } catch (error) {
    throw new InvalidPackError(
      directory,
      'has no readable pack.json; give the directory of a pack, or leave `pack` out for the bundled one',
      error,
    )
  }
  const manifest = checkManifest(text, directory)
  const files = manifest.files ?? {}
  for (const [path, checksum] of Object.entries(files)) await checkFile(directory, path, checksum)

  return {
    directory,
    manifest,
    has: (path) => path in files,
    async tensors(path) {
      const file = insidePack(directory, path)
      const bytes = await readFile(file).catch((error: unknown) => {
        throw lacks(directory, path, error)
      })
      return readSafetensors(bytes, file).tensors
    },
  }
}

/** Where something of a pack lies. @throws InvalidPackError for a path that leads out of it */
export function insidePack(directory: string, path: string): string {
  const clean = normalize(path)
  if (clean.startsWith('..') || isAbsolute(clean)) throw new InvalidPackError(directory, `names the file "${path}" outside itself`)
  return join(directory, clean)
}

function lacks(directory: string, path: string, error: unknown): InvalidPackError {
  return new InvalidPackError(directory, `lacks its file ${path}; fetch the pack again`, error)
}

/** Read piece by piece: models may be larger than memory should be. */
async function checkFile(directory: string, path: string, checksum: string): Promise<void> {
  const hash = createHash('sha256')
  try {
    for await (const part of createReadStream(insidePack(directory, path))) hash.update(part as Buffer)
  } catch (error) {
    throw error instanceof InvalidPackError ? error : lacks(directory, path, error)
  }
  if (hash.digest('hex') !== checksum)
    throw new InvalidPackError(directory, `has a changed or damaged file ${path} (its checksum differs); fetch the pack again`)
}
