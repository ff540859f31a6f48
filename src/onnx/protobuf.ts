import { create, createFileRegistry, fromBinary, toBinary, type DescMessage, type Message } from '@bufbuild/protobuf'
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt'
import type { OnnxModel } from './model.ts'

/** A field: its number in onnx.proto, its type (a message by its name), and whether it is a list or one of a `oneof`. */
type Field = readonly [number: number, type: keyof typeof scalars | MessageName, form?: 'list' | 'value']
type MessageName = 'ModelProto' | 'GraphProto' | 'NodeProto' | 'AttributeProto' | 'TensorProto' | 'ValueInfoProto' | Inner
type Inner = 'TypeProto' | 'TensorType' | 'Shape' | 'Dimension' | 'Entry' | 'OperatorSet'

const scalars = {
  float: Type.FLOAT,
  double: Type.DOUBLE,
  int32: Type.INT32,
  int64: Type.INT64,
  string: Type.STRING,
  bytes: Type.BYTES,
} as const

/** The part of onnx.proto that is looked at here. Everything else is kept as unknown fields. */
const messages: Readonly<Record<MessageName, Readonly<Record<string, Field>>>> = {
  ModelProto: { ir_version: [1, 'int64'], graph: [7, 'GraphProto'], opset_import: [8, 'OperatorSet', 'list'] },
  OperatorSet: { domain: [1, 'string'], version: [2, 'int64'] },
  GraphProto: {
    node: [1, 'NodeProto', 'list'],
    name: [2, 'string'],
    initializer: [5, 'TensorProto', 'list'],
    input: [11, 'ValueInfoProto', 'list'],
    output: [12, 'ValueInfoProto', 'list'],
    value_info: [13, 'ValueInfoProto', 'list'],
  },
  NodeProto: {
    input: [1, 'string', 'list'],
    output: [2, 'string', 'list'],
    name: [3, 'string'],
    op_type: [4, 'string'],
    attribute: [5, 'AttributeProto', 'list'],
    domain: [7, 'string'],
  },
  AttributeProto: {
    name: [1, 'string'],
    f: [2, 'float'],
    i: [3, 'int64'],
    s: [4, 'bytes'],
    t: [5, 'TensorProto'],
    floats: [7, 'float', 'list'],
    ints: [8, 'int64', 'list'],
    type: [20, 'int32'],
  },
  TensorProto: {
    dims: [1, 'int64', 'list'],
    data_type: [2, 'int32'],
    float_data: [4, 'float', 'list'],
    int32_data: [5, 'int32', 'list'],
    int64_data: [7, 'int64', 'list'],
    name: [8, 'string'],
    raw_data: [9, 'bytes'],
    double_data: [10, 'double', 'list'],
    external_data: [13, 'Entry', 'list'],
    data_location: [14, 'int32'],
  },
  Entry: { key: [1, 'string'], value: [2, 'string'] },
  ValueInfoProto: { name: [1, 'string'], type: [2, 'TypeProto'] },
  TypeProto: { tensor_type: [1, 'TensorType', 'value'] },
  TensorType: { elem_type: [1, 'int32'], shape: [2, 'Shape'] },
  Shape: { dim: [1, 'Dimension', 'list'] },
  Dimension: { dim_value: [1, 'int64', 'value'], dim_param: [2, 'string', 'value'] },
}

const file = create(FileDescriptorProtoSchema, {
  name: 'onnx.proto',
  package: 'onnx',
  syntax: 'proto3',
  messageType: Object.entries(messages).map(([name, fields]) => ({
    name,
    field: Object.entries(fields).map(([field, [number, type, form]]) => ({
      name: field,
      number,
      label: form === 'list' ? Label.REPEATED : Label.OPTIONAL,
      ...(type in scalars ? { type: scalars[type as keyof typeof scalars] } : { type: Type.MESSAGE, typeName: `.onnx.${type}` }),
      ...(form === 'value' && { oneofIndex: 0 }),
    })),
    oneofDecl: Object.values(fields).some(([, , form]) => form === 'value') ? [{ name: 'value' }] : [],
  })),
})
const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }))
const schema = (name: MessageName): DescMessage => registry.getMessage(`onnx.${name}`)!

/** Reads a model. Weights are views of `bytes`, not copies. @throws Error when these are no protobuf bytes */
export function readOnnx(bytes: Uint8Array): OnnxModel {
  return fromBinary(schema('ModelProto'), bytes) as Message & OnnxModel
}

export function writeOnnx(model: OnnxModel): Uint8Array {
  return toBinary(schema('ModelProto'), model as Message & OnnxModel)
}

/** One message of a model, for files that are written piece by piece. */
export function writeMessage(name: MessageName, message: object): Uint8Array {
  return toBinary(schema(name), message as Message)
}

/** A message with defaults for what `values` leaves out. */
export function message<T>(name: MessageName, values: object): T {
  return create(schema(name), values as never) as Message & T
}
