import { createReadStream } from 'node:fs'
import { appendFile, mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidDataError } from '../errors.ts'
import { ownId, type AnsweredBlock } from './ask.ts'
import type { BeirSet } from './beir.ts'
import { runLines } from './trec-run.ts'

/** Writes what systems answered as TREC run files: `<system>.<set>.trec`, or `<system>.merged.trec`. */
export interface RunFiles {
  /** The answers to a set's queries are there from an evaluation that was cut off. */
  has(set: string): Promise<boolean>
  /** Begins a set anew. */
  begin(set: BeirSet): Promise<{ take(block: AnsweredBlock): Promise<void>; finish(): Promise<void> }>
  /** Makes the files of a collection out of the answers to its sets. */
  complete(pool: string, sets: readonly string[]): Promise<void>
  /** Removes what was kept for an evaluation that is cut off. */
  clear(): Promise<void>
}

export interface RunFilesOptions {
  /** Systems, bounds left out. */
  readonly systems: readonly string[]
  /** Queries and documents are called `<set>/<id>`, since sets share ids. */
  readonly merged: boolean
  /** Takes up what an evaluation left that was cut off. */
  readonly resume: boolean
}

/** @throws InvalidDataError when an id has a blank in it, which a run file cannot hold */
export async function runFiles(directory: string, { systems, merged, resume }: RunFilesOptions): Promise<RunFiles> {
  const unfinished = join(directory, '.unfinished')
  const partOf = (set: string): string => join(unfinished, encodeURIComponent(set))
  const clear = (): Promise<void> => rm(unfinished, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  if (!resume) await clear()

  return {
    has: (set) =>
      stat(partOf(set)).then(
        () => true,
        () => false,
      ),

    async begin(set) {
      const partial = `${partOf(set.name)}.partial`
      for (const place of [partial, partOf(set.name)]) await rm(place, { recursive: true, force: true })
      await mkdir(partial, { recursive: true })
      return {
        async take({ system, ids, answers }) {
          if (!systems.includes(system)) return
          const text = ids.map((id, i) => {
            const self = `${set.name}/${id}`
            const hits = answers[i]!.hits.filter(({ document }) => document.id !== self).map(({ document, score }) => {
              const name = merged ? document.id : ownId(set, document.id)
              return { id: checked(name, set, 'document'), score }
            })
            return runLines(checked(merged ? self : id, set, 'query'), hits, system)
          })
          await appendFile(join(partial, fileName(system)), text.join(''))
        },
        finish: () => rename(partial, partOf(set.name)),
      }
    },

    async complete(pool, sets) {
      for (const system of systems) {
        const file = join(directory, `${fileName(system)}.${fileName(pool)}.trec`)
        const whole = await open(`${file}.partial`, 'w')
        try {
          for (const set of sets) await append(whole, join(partOf(set), fileName(system)))
        } finally {
          await whole.close()
        }
        await rename(`${file}.partial`, file)
      }
    },

    clear,
  }
}

/** A system's name as part of a file's: `expert:code` has a character that not every file system takes. */
export function fileName(name: string): string {
  return name.replace(/[^\w.+-]/g, '-')
}

async function append(file: FileHandle, path: string): Promise<void> {
  for await (const chunk of createReadStream(path)) await file.write(chunk as Buffer)
}

function checked(id: string, { directory }: BeirSet, what: string): string {
  if (/\s/.test(id))
    throw new InvalidDataError(directory, undefined, `has a ${what} called ${JSON.stringify(id)}: a run file cannot hold names with blanks`)
  return id
}
