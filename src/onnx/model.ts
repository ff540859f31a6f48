/**
 * An ONNX model as data, with the names of onnx.proto: what is read from a file, changed and written back. Fields that these
 * types leave out (functions, metadata, subgraphs) survive reading and writing unseen.
 */
export interface OnnxModel {
  readonly irVersion: bigint
  readonly opsetImport: { readonly domain: string; readonly version: bigint }[]
  readonly graph: OnnxGraph
}

export interface OnnxGraph {
  readonly name: string
  /** In an order in which every node comes after those it needs. */
  readonly node: OnnxNode[]
  readonly initializer: OnnxTensor[]
  readonly input: OnnxValueInfo[]
  readonly output: OnnxValueInfo[]
  /** Types of values in between, where the exporter wrote them. */
  readonly valueInfo: OnnxValueInfo[]
}

export interface OnnxNode {
  /** May be empty. */
  name: string
  opType: string
  /** '' for ONNX itself. */
  domain: string
  /** Names of values; '' for an optional one that is left out. */
  input: string[]
  output: string[]
  attribute: OnnxAttribute[]
}

export interface OnnxAttribute {
  readonly name: string
  readonly type: number
  readonly f: number
  readonly i: bigint
  readonly s: Uint8Array
  readonly t?: OnnxTensor
  readonly floats: readonly number[]
  readonly ints: readonly bigint[]
}

export interface OnnxTensor {
  name: string
  dims: bigint[]
  dataType: number
  /** Little-endian values, where `dataLocation` is 0 and the exporter chose bytes over the typed lists. */
  rawData: Uint8Array
  floatData: number[]
  int32Data: number[]
  int64Data: bigint[]
  doubleData: number[]
  /** Where the values lie when not here: `location`, `offset`, `length`. */
  externalData: { readonly key: string; readonly value: string }[]
  /** 1: in another file. */
  dataLocation: number
}

export interface OnnxValueInfo {
  readonly name: string
  readonly type?: {
    readonly value:
      | {
          readonly case: 'tensorType'
          readonly value: { readonly elemType: number; readonly shape?: { readonly dim: readonly OnnxDimension[] } }
        }
      | { readonly case: undefined; readonly value?: undefined }
  }
}

export interface OnnxDimension {
  readonly value:
    | { readonly case: 'dimValue'; readonly value: bigint }
    | { readonly case: 'dimParam'; readonly value: string }
    | { readonly case: undefined; readonly value?: undefined }
}

/** `TensorProto.DataType`, as far as encoders use it. */
export const elementTypes = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11 } as const

/** `AttributeProto.AttributeType`. */
export const attributeTypes = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7, strings: 8 } as const
