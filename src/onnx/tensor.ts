import { toFloat32 } from '../safetensors.ts'
import { elementTypes, type OnnxTensor } from './model.ts'
import { message } from './protobuf.ts'

/** Values of a tensor, as many as its sides say. */
export type TensorValues = Float32Array | Float64Array | BigInt64Array | Int32Array | Int8Array | Uint8Array

/** A tensor of the type its array stands for. */
export function tensor(name: string, dims: readonly number[], values: TensorValues): OnnxTensor {
  return message<OnnxTensor>('TensorProto', {
    name,
    dims: dims.map(BigInt),
    dataType: typeOf(values),
    rawData: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  })
}

/** Sides of a tensor. */
export function sidesOf({ dims }: Pick<OnnxTensor, 'dims'>): number[] {
  return dims.map(Number)
}

/**
 * What a tensor holds. Half-precision numbers come as Float32Array, booleans as bytes.
 * @throws Error for an element type that encoders have no use for, and for values that lie in another file
 */
export function valuesOf(tensor: OnnxTensor): TensorValues {
  if (tensor.dataLocation !== 0) throw new Error(`The values of "${tensor.name}" lie in another file.`)
  const { rawData, floatData, int32Data, int64Data, doubleData, dataType } = tensor
  // Views of a file lie at any place; typed arrays need multiples of their element's size.
  const bytes = (): ArrayBuffer => new Uint8Array(rawData).buffer
  switch (dataType) {
    case elementTypes.float32:
      return rawData.length > 0 ? new Float32Array(bytes()) : Float32Array.from(floatData)
    case elementTypes.float64:
      return rawData.length > 0 ? new Float64Array(bytes()) : Float64Array.from(doubleData)
    case elementTypes.float16: {
      const data = rawData.length > 0 ? rawData : new Uint8Array(Uint16Array.from(int32Data).buffer)
      return toFloat32({ dtype: 'F16', shape: sidesOf(tensor), data }, tensor.name)
    }
    case elementTypes.int64:
      return rawData.length > 0 ? new BigInt64Array(bytes()) : BigInt64Array.from(int64Data)
    case elementTypes.int32:
      return rawData.length > 0 ? new Int32Array(bytes()) : Int32Array.from(int32Data)
    case elementTypes.int8:
      return rawData.length > 0 ? new Int8Array(bytes()) : Int8Array.from(int32Data)
    case elementTypes.uint8:
    case elementTypes.bool:
      return rawData.length > 0 ? new Uint8Array(bytes()) : Uint8Array.from(int32Data)
    default:
      throw new Error(`"${tensor.name}" has elements of type ${dataType}, which encoders have no use for.`)
  }
}

function typeOf(values: TensorValues): number {
  if (values instanceof Float32Array) return elementTypes.float32
  if (values instanceof Float64Array) return elementTypes.float64
  if (values instanceof BigInt64Array) return elementTypes.int64
  if (values instanceof Int32Array) return elementTypes.int32
  return values instanceof Int8Array ? elementTypes.int8 : elementTypes.uint8
}
