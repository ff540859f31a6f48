import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { bytesOf } from '../safetensors.ts'
import { elementTypes, type OnnxModel, type OnnxTensor } from './model.ts'
import { message, writeMessage } from './protobuf.ts'

/** A weight of a graph, whose values are asked for when it is its turn to be written. */
export interface LateTensor {
  readonly name: string
  readonly sides: readonly number[]
  values(): Promise<Float32Array>
}

export interface OnnxFileOptions {
  /** Bytes of weights that one file takes; more go into a second one, `<name>_data`, as protobuf ends at 2 GiB. @default 1.9e9 */
  readonly mostInside?: number
}

/** Numbers of fields of onnx.proto, followed by bytes. */
const fields = { modelGraph: 7, graphInitializer: 5, tensorRawData: 9 } as const

/** Writes a model file weight by weight, so that no more than one of them need be in memory. Both files must be new. */
export async function writeOnnxFile(
  path: string,
  model: OnnxModel,
  weights: readonly LateTensor[],
  { mostInside = 1.9e9 }: OnnxFileOptions = {},
): Promise<void> {
  const isInside = weights.reduce((sum, weight) => sum + sizeOf(weight), 0) <= mostInside
  const inside = isInside ? weights : []
  const { graph, ...rest } = model
  const outside = isInside ? [] : places(weights, `${basename(path)}_data`)
  const nodes = writeMessage('GraphProto', { ...graph, initializer: [...graph.initializer, ...outside] })
  const heads = inside.map((weight) => {
    const values = prefix(fields.tensorRawData, sizeOf(weight))
    const tensor = Buffer.concat([writeMessage('TensorProto', tensorOf(weight)), values])
    return Buffer.concat([prefix(fields.graphInitializer, tensor.length + sizeOf(weight)), tensor])
  })
  const size = inside.reduce((sum, weight, i) => sum + heads[i]!.length + sizeOf(weight), nodes.length)

  await writing(path, async (write) => {
    await write(Buffer.concat([writeMessage('ModelProto', rest), prefix(fields.modelGraph, size), nodes]))
    for (const [i, weight] of inside.entries()) {
      await write(heads[i]!)
      await write(await bytesOfWeight(weight))
    }
  })
  if (isInside) return
  await writing(`${path}_data`, async (write) => {
    for (const weight of weights) await write(await bytesOfWeight(weight))
  })
}

async function writing(path: string, fill: (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await fill((bytes) => file.writeFile(bytes))
    await file.sync()
  } finally {
    await file.close()
  }
}

async function bytesOfWeight(weight: LateTensor): Promise<Uint8Array> {
  const bytes = bytesOf(await weight.values())
  if (bytes.length !== sizeOf(weight)) throw new Error(`"${weight.name}" has ${bytes.length} bytes, not ${sizeOf(weight)}.`)
  return bytes
}

function sizeOf({ sides }: LateTensor): number {
  return sides.reduce((product, side) => product * side, 4)
}

function tensorOf({ name, sides }: LateTensor, more: Partial<OnnxTensor> = {}): OnnxTensor {
  return message<OnnxTensor>('TensorProto', { name, dims: sides.map(BigInt), dataType: elementTypes.float32, ...more })
}

/** The weights as they are named in a graph whose values lie one after the other in another file. */
function places(weights: readonly LateTensor[], location: string): OnnxTensor[] {
  let offset = 0
  return weights.map((weight) => {
    const place = { location, offset, length: sizeOf(weight) }
    offset += place.length
    const externalData = Object.entries(place).map(([key, value]) => message<object>('Entry', { key, value: String(value) }))
    return tensorOf(weight, { dataLocation: 1, externalData: externalData as OnnxTensor['externalData'] })
  })
}

/** What stands before the bytes of a field. */
function prefix(field: number, length: number): Uint8Array {
  const bytes = [field * 8 + 2]
  let rest = length
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Uint8Array.from([...bytes, rest])
}
