import { InvalidPackError } from '../errors.ts'
import { bytesOf, toFloat32, type Tensor } from '../safetensors.ts'
import { featureDimensions } from './features.ts'
import type { PilotVectors } from './pilots.ts'
import type { SparseFeatures } from './router.ts'
import type { TextModel } from './text-evidence.ts'

/** Vectors with 8 bits a value and a scale each. */
export function saveVectors(tensors: Map<string, Tensor>, name: string, { values, weights, dimensions }: PilotVectors): void {
  const count = weights.length
  const levels = new Int8Array(values.length)
  const scales = new Float32Array(count)
  for (let row = 0; row < count; row++) {
    const vector = values.subarray(row * dimensions, (row + 1) * dimensions)
    const scale = vector.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127 || 1
    scales[row] = scale
    vector.forEach((value, i) => (levels[row * dimensions + i] = Math.round(value / scale)))
  }
  tensors.set(`${name}.vectors`, { dtype: 'I8', shape: [count, dimensions], data: bytesOf(levels) })
  tensors.set(`${name}.scales`, { dtype: 'F32', shape: [count], data: bytesOf(scales) })
  tensors.set(`${name}.weights`, { dtype: 'F32', shape: [count], data: bytesOf(weights) })
}

/** @throws InvalidPackError */
export function loadVectors(tensors: ReadonlyMap<string, Tensor>, name: string, path: string): PilotVectors {
  const { shape } = tensor(tensors, `${name}.vectors`, 'I8', path)
  const [count = 0, dimensions = 0] = shape
  const values = toFloat32(tensors.get(`${name}.vectors`)!, path)
  const scales = toFloat32(tensor(tensors, `${name}.scales`, 'F32', path), path)
  const weights = toFloat32(tensor(tensors, `${name}.weights`, 'F32', path), path)
  if (scales.length !== count || weights.length !== count)
    throw new InvalidPackError(path, `has pilots "${name}" whose parts do not fit together`)
  for (let i = 0; i < values.length; i++) values[i]! *= scales[Math.floor(i / dimensions)]!
  if (!values.every(Number.isFinite) || !weights.every((weight) => weight > 0))
    throw new InvalidPackError(path, `has pilots "${name}" that are not finite`)
  return { dimensions, values, weights }
}

/** Values in steps of 1/32: damped counts lie between 0.5 and 8. */
const steps = 32

/** Sparse features one after another, with 8 bits a value. */
export function saveExamples(tensors: Map<string, Tensor>, name: string, examples: readonly SparseFeatures[]): void {
  const ends = new Uint32Array(examples.length)
  let end = 0
  examples.forEach(({ indices }, i) => (ends[i] = end += indices.length))
  const indices = new Uint32Array(end)
  const values = new Uint8Array(end)
  examples.forEach((example, i) => {
    const start = ends[i]! - example.indices.length
    indices.set(example.indices, start)
    example.values.forEach((value, j) => (values[start + j] = Math.max(1, Math.min(255, Math.round(value * steps)))))
  })
  tensors.set(`${name}.ends`, { dtype: 'U32', shape: [ends.length], data: bytesOf(ends) })
  tensors.set(`${name}.indices`, { dtype: 'U32', shape: [end], data: bytesOf(indices) })
  tensors.set(`${name}.values`, { dtype: 'U8', shape: [end], data: bytesOf(values) })
}

/** @throws InvalidPackError */
export function loadExamples(tensors: ReadonlyMap<string, Tensor>, name: string, path: string): SparseFeatures[] {
  const ends = unsigned(tensors, `${name}.ends`, path)
  const indices = featureIndices(tensors, `${name}.indices`, path)
  const values = toFloat32(tensor(tensors, `${name}.values`, 'U8', path), path)
  const fits =
    values.length === indices.length && (ends.at(-1) ?? 0) === indices.length && ends.every((end, i) => end >= (ends[i - 1] ?? 0))
  if (!fits) throw new InvalidPackError(path, `has examples "${name}" whose parts do not fit together`)
  return Array.from(ends, (end, i) => {
    const start = ends[i - 1] ?? 0
    return { indices: indices.slice(start, end), values: values.slice(start, end).map((value) => value / steps) }
  })
}

/** A sparse weight vector with 8 bits a value: weights below 1/254 of the largest are dropped. */
export function saveWeights(tensors: Map<string, Tensor>, name: string, { weights }: TextModel): void {
  const scale = weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0) / 127 || 1
  const levels = Int8Array.from(weights, (weight) => Math.round(weight / scale))
  const indices = nonZero(levels)
  tensors.set(`${name}.indices`, { dtype: 'U32', shape: [indices.length], data: bytesOf(indices) })
  tensors.set(`${name}.levels`, { dtype: 'I8', shape: [indices.length], data: bytesOf(Int8Array.from(indices, (index) => levels[index]!)) })
  tensors.set(`${name}.scale`, { dtype: 'F32', shape: [1], data: bytesOf(Float32Array.of(scale)) })
}

/** @throws InvalidPackError */
export function loadWeights(tensors: ReadonlyMap<string, Tensor>, name: string, bias: number, path: string): TextModel {
  const indices = featureIndices(tensors, `${name}.indices`, path)
  const levels = toFloat32(tensor(tensors, `${name}.levels`, 'I8', path), path)
  const scale = toFloat32(tensor(tensors, `${name}.scale`, 'F32', path), path)[0]
  if (levels.length !== indices.length || !Number.isFinite(scale) || !Number.isFinite(bias)) {
    throw new InvalidPackError(path, `has a model "${name}" whose parts do not fit together`)
  }
  const weights = new Float32Array(featureDimensions)
  indices.forEach((index, i) => (weights[index] = levels[i]! * scale!))
  return { weights, bias }
}

/** Feature indices, each checked to be one. @throws InvalidPackError */
export function featureIndices(tensors: ReadonlyMap<string, Tensor>, name: string, path: string): Uint32Array {
  const indices = unsigned(tensors, name, path)
  if (!indices.every((index) => index < featureDimensions)) throw new InvalidPackError(path, `has a feature in "${name}" that cannot be`)
  return indices
}

/** A copy of a U32 tensor. @throws InvalidPackError */
export function unsigned(tensors: ReadonlyMap<string, Tensor>, name: string, path: string): Uint32Array {
  const { data } = tensor(tensors, name, 'U32', path)
  const copy = new Uint8Array(data.byteLength)
  copy.set(data)
  return new Uint32Array(copy.buffer)
}

function tensor(tensors: ReadonlyMap<string, Tensor>, name: string, dtype: Tensor['dtype'], path: string): Tensor {
  const found = tensors.get(name)
  if (found?.dtype !== dtype) throw new InvalidPackError(path, `lacks the ${dtype} tensor "${name}"`)
  return found
}

/** Places of the values that are not 0, ascending. */
export function nonZero(values: Uint32Array | Int8Array): Uint32Array {
  const indices: number[] = []
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) indices.push(i)
  return Uint32Array.from(indices)
}
