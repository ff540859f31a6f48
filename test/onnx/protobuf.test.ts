import { describe, expect, it } from 'vitest'
import { makeEncoder } from '../../models/encoders/architecture.ts'
import { attribute, graphBuilder, model, node, valueInfo } from '../../src/onnx/builder.ts'
import { attributeTypes, elementTypes, type OnnxTensor } from '../../src/onnx/model.ts'
import { message, readOnnx, writeOnnx } from '../../src/onnx/protobuf.ts'
import { sidesOf, tensor, valuesOf } from '../../src/onnx/tensor.ts'

/** A field of the wire format that holds bytes: its number and length, then these. */
const field = (number: number, ...content: readonly (Uint8Array | string)[]): Buffer => {
  const body = Buffer.concat(content.map((part) => Buffer.from(part)))
  if (number > 15 || body.length > 127) throw new Error('Only short ones are written here.')
  return Buffer.concat([Buffer.of((number << 3) | 2, body.length), body])
}
/** `ModelProto.metadata_props`, which our types leave out. */
const metadata = field(14, field(1, 'author'), field(2, 'somebody'))
/** A `NodeProto` with a `doc_string` and an attribute that holds a subgraph. */
const documented = field(
  1,
  field(1, 'x'),
  field(2, 'y'),
  field(4, 'If'),
  field(5, field(1, 'then_branch'), field(6, field(2, 'inner'))),
  field(6, 'why this is here'),
)

describe('readOnnx and writeOnnx', () => {
  it.each(['torchscript', 'dynamo', 'fused-attention'] as const)('give the same bytes back: %s', (style) => {
    const bytes = writeOnnx(makeEncoder('bert-tiny', { style }))

    const again = writeOnnx(readOnnx(bytes))

    expect(Buffer.compare(again, bytes)).toBe(0)
  })

  it('read what was written', () => {
    const made = makeEncoder('mpnet-tiny')

    const read = readOnnx(writeOnnx(made))

    expect(read.opsetImport).toMatchObject([{ domain: '', version: 14n }])
    expect(read.graph.node).toEqual(made.graph.node)
    expect(read.graph.initializer.map(sidesOf)).toEqual(made.graph.initializer.map(sidesOf))
    expect(read.graph.input).toEqual(made.graph.input)
  })

  it('keep fields that our types leave out: of the model, of nodes, of attributes', () => {
    const bytes = Buffer.concat([writeOnnx(makeEncoder('bert-tiny')), metadata, field(7, documented)])

    const written = Buffer.from(writeOnnx(readOnnx(bytes)))

    for (const kept of [metadata, field(6, 'why this is here'), field(6, field(2, 'inner'))]) expect(written.includes(kept)).toBe(true)
  })

  it('keep them in a copy with another graph', () => {
    const read = readOnnx(Buffer.concat([writeOnnx(makeEncoder('bert-tiny')), metadata]))

    const copy = { ...read, graph: { ...read.graph, name: 'another' } }

    const written = Buffer.from(writeOnnx(copy))
    expect(written.includes(metadata)).toBe(true)
    expect(readOnnx(written).graph.name).toBe('another')
  })

  it('refuse bytes that are no protobuf', () => {
    expect(() => readOnnx(new Uint8Array([255, 255, 255, 255]))).toThrow()
    expect(() => readOnnx(writeOnnx(makeEncoder('bert-tiny')).subarray(0, 5000))).toThrow()
  })
})

describe('graphs that are made', () => {
  it('hold attributes of every kind, by the types they were given as', () => {
    const values = {
      whole: 3,
      fraction: 0.5,
      float: { float: 2 },
      text: 'tanh',
      list: [1, -1],
      constant: tensor('c', [1], Float32Array.of(7)),
    }
    const made = model(
      { nodes: [node('Custom', ['x'], ['y'], { attributes: values })], constants: [] },
      [valueInfo('x', 'float32', [1])],
      [],
    )

    const [read] = readOnnx(writeOnnx(made)).graph.node

    expect(read!.attribute.map(({ name, type }) => [name, type])).toEqual([
      ['whole', attributeTypes.int],
      ['fraction', attributeTypes.float],
      ['float', attributeTypes.float],
      ['text', attributeTypes.string],
      ['list', attributeTypes.ints],
      ['constant', attributeTypes.tensor],
    ])
    expect([attribute(read!, 'whole'), attribute(read!, 'float'), attribute(read!, 'text'), attribute(read!, 'list')]).toEqual([
      3,
      2,
      'tanh',
      [1, -1],
    ])
    expect([...valuesOf(attribute(read!, 'constant') as OnnxTensor)]).toEqual([7])
    expect(attribute(read!, 'missing')).toBeUndefined()
  })

  it('hold equal small constants once', () => {
    const build = graphBuilder('p/')

    expect([build.scalar(1), build.integers(1, 2), build.scalar(2)]).toEqual([build.scalar(1), build.integers(1, 2), build.scalar(2)])
    expect(build.constants).toHaveLength(3)
  })
})

describe('valuesOf', () => {
  it.each([
    Float32Array.of(1.5, -2),
    Float64Array.of(Math.PI),
    BigInt64Array.of(-5n),
    Int32Array.of(-7, 9),
    Int8Array.of(-128),
    Uint8Array.of(255),
  ])('gives back what a tensor was made of: %o', (values) => {
    const whole = model({ nodes: [], constants: [tensor('name that makes offsets odd', [values.length], values)] }, [], [])

    const [read] = readOnnx(writeOnnx(whole)).graph.initializer

    expect(valuesOf(read!)).toEqual(values)
  })

  it('reads values that an exporter wrote as lists', () => {
    const listed = (dataType: number, fields: object) =>
      valuesOf(message<OnnxTensor>('TensorProto', { name: 't', dims: [2n], dataType, ...fields }))

    expect(listed(elementTypes.float32, { floatData: [1, 2] })).toEqual(Float32Array.of(1, 2))
    expect(listed(elementTypes.int64, { int64Data: [1n, -2n] })).toEqual(BigInt64Array.of(1n, -2n))
    expect(listed(elementTypes.float64, { doubleData: [0.1, 2] })).toEqual(Float64Array.of(0.1, 2))
    expect(listed(elementTypes.int8, { int32Data: [-1, 2] })).toEqual(Int8Array.of(-1, 2))
    expect(listed(elementTypes.bool, { int32Data: [0, 1] })).toEqual(Uint8Array.of(0, 1))
  })

  it('reads half precision as float32', () => {
    const half = message<OnnxTensor>('TensorProto', {
      dims: [2n],
      dataType: elementTypes.float16,
      rawData: new Uint8Array(Uint16Array.of(0x3c00, 0xc000).buffer),
    })

    expect(valuesOf(half)).toEqual(Float32Array.of(1, -2))
  })

  it('refuses values that lie elsewhere, and types that encoders have no use for', () => {
    expect(() => valuesOf(message<OnnxTensor>('TensorProto', { name: 'far', dataType: 1, dataLocation: 1 }))).toThrow(
      /"far" lie in another file/,
    )
    expect(() => valuesOf(message<OnnxTensor>('TensorProto', { name: 'odd', dataType: 14 }))).toThrow(/"odd" has elements of type 14/)
  })
})
