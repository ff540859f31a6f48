import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const parts = ['encoder', 'expert', 'routing', 'store', 'train', 'eval', 'engine', 'cli']
const contracts = [
  'encoder/encoder.ts',
  'expert/expert.ts',
  'routing/router.ts',
  'routing/fusion.ts',
  'store/store.ts',
  'eval/qrels.ts',
  'language-model/language-model.ts',
  'engine.ts',
]
/** They re-export what is composed of several parts. */
const entryPoints = ['train/index.ts', 'eval/index.ts']
const foundation = [
  'vector.ts',
  'errors.ts',
  'document.ts',
  'worker.ts',
  'exit-gate.ts',
  'english.ts',
  'safetensors.ts',
  'tasks/task.ts',
  'tasks/sample.ts',
  'onnx/model.ts',
  'onnx/protobuf.ts',
  'onnx/tensor.ts',
  'onnx/builder.ts',
  'onnx/file.ts',
  'onnx/quantize.ts',
  'wasm/assembler.ts',
  'wasm/memory.ts',
  'wasm/tiled-product.ts',
]
/** Pure functions that another folder may borrow, with the reason. */
const exceptions: Record<string, string> = {
  'eval/metrics/': 'metrics are leaf functions; trainers stop early by them',
  'encoder/onnx/': 'LoRA training reads a model and its texts as the encoder does',
  'encoder/lora/': 'LoRA training changes the layers that serving changes',
  'encoder/reading.ts': 'and cuts texts alike',
  'encoder/tokenizer.ts': 'and tokenises them alike',
  'routing/fitting/': 'buildPilots fits routers: the training side of routing',
}

interface Import {
  readonly from: string
  readonly to: string
}

function files(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts') && !name.includes('node_modules'))
    .map((name) => posix.join(folder, name.split(sep).join('/')))
}

function imports(file: string): Import[] {
  return ts.preProcessFile(readFileSync(join(root, file), 'utf8'), true, true).importedFiles.map(({ fileName }) => ({
    from: file,
    to: fileName.startsWith('.')
      ? relative(root, resolve(root, dirname(file), fileName))
          .split(sep)
          .join('/')
      : fileName,
  }))
}

/** `encoder` for `src/encoder/onnx/worker.ts`; '' for files directly in src. */
function folderOf(path: string): string {
  const inside = path.slice('src/'.length)
  const folder = inside.split('/')[0]!
  return inside.includes('/') && parts.includes(folder) ? folder : ''
}

const all = files('src').flatMap(imports)
const inSource = all.filter(({ to }) => to.startsWith('src/'))
const show = ({ from, to }: Import): string => `${from} → ${to}`

describe('the architecture', () => {
  it('sees the sources, so that the rules below mean something', () => {
    expect(inSource.length).toBeGreaterThan(50)
  })

  it('keeps the foundation free of everything above it', () => {
    const wrong = inSource.filter(({ from, to }) => foundation.includes(from.slice(4)) && !foundation.includes(to.slice(4)))
    expect(wrong.map(show)).toEqual([])
  })

  it('lets contracts import only contracts and the foundation', () => {
    const wrong = inSource.filter(
      ({ from, to }) => contracts.includes(from.slice(4)) && ![...contracts, ...foundation].includes(to.slice(4)),
    )
    expect(wrong.map(show)).toEqual([])
  })

  it('lets a part import no part of another folder', () => {
    const wrong = inSource.filter(({ from, to }) => {
      const own = folderOf(from)
      // The command line is a layer above: it may use the entry points.
      if (own === '' || own === 'cli' || entryPoints.includes(from.slice(4))) return false
      const target = to.slice(4)
      if ([...contracts, ...foundation].includes(target)) return false
      return folderOf(to) !== own && !Object.keys(exceptions).some((prefix) => target.startsWith(prefix))
    })
    expect(wrong.map(show)).toEqual([])
  })

  it('lets the command line use entry points and contracts only', () => {
    const allowed = [
      'src/index.ts',
      'src/train/index.ts',
      'src/eval/index.ts',
      ...[...contracts, ...foundation].map((file) => `src/${file}`),
    ]
    const wrong = inSource.filter(({ from, to }) => from.startsWith('src/cli/') && !to.startsWith('src/cli/') && !allowed.includes(to))
    expect(wrong.map(show)).toEqual([])
  })

  it('lets adapters, examples and benchmarks import public entry points only', () => {
    const outside = ['adapters', 'examples', 'bench'].flatMap((folder) => files(folder).flatMap(imports))
    const wrong = outside.filter(({ from, to }) => to.startsWith('src/') || (from.startsWith('adapters/') && to.startsWith('examples/')))
    expect(wrong.map(show)).toEqual([])
  })

  it('imports optional packages lazily in the core', () => {
    const { peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      peerDependencies: Record<string, string>
    }
    const eager = files('src').filter((file) => {
      const text = readFileSync(join(root, file), 'utf8')
      return Object.keys(peerDependencies).some((name) => new RegExp(`^import (?!type)[^\\n]*from '${name}[/']`, 'm').test(text))
    })
    expect(eager).toEqual([])
  })

  it('has no cycles between files, types left aside', () => {
    const graph = new Map<string, string[]>()
    for (const file of files('src')) {
      const text = readFileSync(join(root, file), 'utf8').replace(/^(import|export) type [\s\S]*?from '[^']*'/gm, '')
      const targets = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName)
      graph.set(
        file,
        targets
          .filter((to) => to.startsWith('.'))
          .map((to) =>
            relative(root, resolve(root, dirname(file), to))
              .split(sep)
              .join('/'),
          ),
      )
    }
    const done = new Set<string>()
    const cycles: string[] = []
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) return void cycles.push([...path.slice(path.indexOf(file)), file].join(' → '))
      if (done.has(file)) return
      for (const next of graph.get(file) ?? []) visit(next, [...path, file])
      done.add(file)
    }
    for (const file of graph.keys()) visit(file, [])
    expect(cycles).toEqual([])
  })
})
