import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { DownloadError, InvalidArgumentError, ModelNotFoundError, OfflineError } from '../errors.ts'
import { downloadFile } from './hub/download.ts'
import { hubJson, type HubAccess } from './hub/request.ts'

/** How models are fetched from a Hugging Face-type hub, and where they are kept. */
export interface HubOptions {
  /** Branch, tag or commit. A commit pins the model and needs no request once it is cached. @default 'main' */
  readonly revision?: string
  /** Where downloads are kept, by commit. @default `pilotfish/hub` in XDG_CACHE_HOME or ~/.cache */
  readonly cacheDirectory?: string
  /** @default HF_ENDPOINT, else https://huggingface.co */
  readonly hubUrl?: string
  /** For private and gated repositories. @default HF_TOKEN */
  readonly token?: string
  /** Never touches the network: what is not cached is an `OfflineError`. @default false */
  readonly offline?: boolean
  /** Milliseconds without a byte before an attempt counts as failed. @default 30000 */
  readonly timeout?: number
  readonly onProgress?: (progress: DownloadProgress) => void
  readonly signal?: AbortSignal
}

/** How far the download of one file is, in bytes. */
export interface DownloadProgress {
  readonly file: string
  readonly done: number
  /** `undefined` when the hub does not say. */
  readonly total: number | undefined
}

/** Where downloads and what is made of models are kept. */
export function cacheOf({ cacheDirectory }: Pick<HubOptions, 'cacheDirectory'>): string {
  return cacheDirectory ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'pilotfish', 'hub')
}

/**
 * The directory of a model: the one given, or the cached files of a hub repository (`owner/name`), fetched first where
 * they are missing. A directory of that name wins over a repository.
 * @param isWeights Which files, of all the repository has, hold the model itself; at least one must be there. Settings and tokenizer always come along.
 * @param weights What those files are called in an error.
 * @param advice Ends the error where there are none.
 * @throws ModelNotFoundError, DownloadError, OfflineError
 */
export async function resolveModel(
  source: string,
  isWeights: (path: string, all: readonly string[]) => boolean,
  weights: string,
  options: HubOptions = {},
  advice = '',
): Promise<string> {
  if (typeof source !== 'string' || source === '')
    throw new InvalidArgumentError('source', 'is not a directory or a hub repository such as "owner/name"')
  if (await isDirectory(source)) return source
  if (!/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(source)) {
    throw new ModelNotFoundError(source, 'model directory', 'Give a directory that exists, or a hub repository such as "owner/name".')
  }

  const { revision = 'main', token = process.env.HF_TOKEN, offline = false, timeout = 30_000, onProgress, signal } = options
  const hubUrl = (options.hubUrl ?? process.env.HF_ENDPOINT ?? 'https://huggingface.co').replace(/\/+$/, '')
  const cache = cacheOf(options)
  const repository = join(cache, hostOf(hubUrl), ...source.split('/'))
  const access: HubAccess = { token, timeout, signal }
  signal?.throwIfAborted()

  const known = await cachedListing(repository, revision)
  if (offline && !known) throw new OfflineError(`${source} at "${revision}"`, cache)
  // A branch may have moved; a commit never does.
  const { commit, files } =
    known && (offline || isCommit(revision))
      ? known
      : await fetchListing(`${hubUrl}/api/models/${source}/revision/${encodeURIComponent(revision)}`, repository, revision, access)

  const wanted = files.filter((file) => isWeights(file, files))
  if (wanted.length === 0) {
    const similar = files.filter((file) => /\.(onnx|safetensors)$/.test(file))
    const pickled = files.filter((file) => /^pytorch_model.*\.bin$/.test(file))
    const has =
      similar.length > 0
        ? similar.join(', ')
        : `neither ONNX nor safetensors files${pickled.length > 0 ? `, only ${pickled.join(', ')}` : ''}`
    throw new ModelNotFoundError(
      `${source} (${hubUrl}, commit ${commit.slice(0, 12)})`,
      weights,
      [`The repository has ${has}.`, advice].filter(Boolean).join(' '),
    )
  }
  const directory = join(repository, commit)
  for (const file of files.filter((path) => wanted.includes(path) || isSettings(path))) {
    if (await exists(join(directory, file))) continue
    if (offline) throw new OfflineError(`${file} of ${source} at "${revision}"`, cache)
    const url = `${hubUrl}/${source}/resolve/${commit}/${file.split('/').map(encodeURIComponent).join('/')}`
    await downloadFile(url, join(directory, file), { ...access, onProgress: (done, total) => onProgress?.({ file, done, total }) })
  }
  return directory
}

interface Listing {
  readonly commit: string
  readonly files: readonly string[]
}

const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision)

function isSettings(path: string): boolean {
  return /^(\d+_\w+\/)?(config|tokenizer|tokenizer_config|modules|config_sentence_transformers|sentence_bert_config)\.json$/.test(path)
}

/** What the hub said about this revision the last time it was asked. */
async function cachedListing(repository: string, revision: string): Promise<Listing | undefined> {
  try {
    const commit = isCommit(revision) ? revision : await readFile(referencePath(repository, revision), 'utf8')
    return { commit, files: JSON.parse(await readFile(listingPath(repository, commit), 'utf8')) as string[] }
  } catch {
    return undefined
  }
}

async function fetchListing(url: string, repository: string, revision: string, access: HubAccess): Promise<Listing> {
  const { sha, siblings } = (await hubJson(url, access)) as { sha?: unknown; siblings?: { rfilename?: unknown }[] }
  if (typeof sha !== 'string' || !isCommit(sha) || !Array.isArray(siblings))
    throw new DownloadError(url, 'the answer is not that of a Hugging Face-type hub')
  const files = siblings
    .map(({ rfilename }) => String(rfilename))
    .filter((file) => !file.split(/[/\\]/).some((part) => part === '..' || part === ''))
  try {
    await writeWhole(listingPath(repository, sha), JSON.stringify(files))
    if (!isCommit(revision)) await writeWhole(referencePath(repository, revision), sha)
  } catch (error) {
    throw new DownloadError(
      url,
      `the cache at ${repository} cannot be written (${(error as NodeJS.ErrnoException).code}); give another \`cacheDirectory\``,
      undefined,
      error,
    )
  }
  return { commit: sha, files }
}

const referencePath = (repository: string, revision: string): string => join(repository, 'refs', encodeURIComponent(revision))
const listingPath = (repository: string, commit: string): string => join(repository, 'refs', `${commit}.files.json`)

async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  // Two calls of one process may write the same file at the same time; the last to finish wins, whole.
  const temporary = `${path}.${randomUUID()}`
  await writeFile(temporary, text)
  await rename(temporary, path)
}

function hostOf(hubUrl: string): string {
  try {
    return new URL(hubUrl).host.replace(':', '_')
  } catch (error) {
    throw new InvalidArgumentError('hubUrl', `is "${hubUrl}", not a URL`, String((error as Error).message))
  }
}

const isDirectory = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
