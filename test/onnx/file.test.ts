import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parameters } from '../../models/encoders/parameters.ts'
import { shapes } from '../../models/encoders/shapes.ts'
import { makeEncoder } from '../../models/encoders/architecture.ts'
import { encoderGraph } from '../../src/encoder/from-weights/encoder-graph.ts'
import { readOnnx } from '../../src/onnx/protobuf.ts'
import { writeOnnxFile, type LateTensor } from '../../src/onnx/file.ts'
import { temporaryDirectory } from '../encoder/models.ts'
import { largestDifference, runEncoder, twoTexts } from '../models/runs.ts'

const shape = shapes['bert-tiny']
const { model, weights } = encoderGraph(shape, 'gelu')
const { values } = parameters(shape, 1)
const turned = (matrix: Float32Array, [rows, columns]: readonly number[]): Float32Array =>
  matrix.map((_, i) => matrix[(i % columns!) * rows! + Math.floor(i / columns!)]!)
const late = weights.map((weight): LateTensor => ({
  ...weight,
  values: async () => (weight.transposed ? turned(values(weight.parameter), weight.sides) : values(weight.parameter)),
}))

describe('writeOnnxFile', () => {
  it('writes what is read as a whole model', async () => {
    const path = join(temporaryDirectory(), 'model.onnx')

    await writeOnnxFile(path, model, late)

    const read = readOnnx(readFileSync(path))
    expect(read.graph.node).toHaveLength(model.graph.node.length)
    expect(read.graph.initializer.map(({ name }) => name)).toEqual([...model.graph.initializer, ...weights].map(({ name }) => name))
    const [actual, expected] = [await runEncoder(read, twoTexts, shape), await runEncoder(makeEncoder(shape), twoTexts, shape)]
    actual.texts.forEach((text, i) => expect(largestDifference(text, expected.texts[i]!)).toBeLessThan(1e-5))
  })

  it('puts weights that are too many for one file into a second', async () => {
    const directory = temporaryDirectory()

    await writeOnnxFile(join(directory, 'model.onnx'), model, late, { mostInside: 1000 })

    expect(readdirSync(directory)).toEqual(['model.onnx', 'model.onnx_data'])
    const size = weights.reduce((sum, { sides }) => sum + sides.reduce((product, side) => product * side, 4), 0)
    expect(readFileSync(join(directory, 'model.onnx_data'))).toHaveLength(size)
  })

  it('refuses values that are not as many as were said, and files that are there', async () => {
    const path = join(temporaryDirectory(), 'model.onnx')
    const wrong = [{ ...late[0]!, values: async () => new Float32Array(3) }, ...late.slice(1)]

    await expect(writeOnnxFile(path, model, wrong)).rejects.toThrow(/has 12 bytes, not 40960/)
    await expect(writeOnnxFile(path, model, late)).rejects.toMatchObject({ code: 'EEXIST' })
  })
})
