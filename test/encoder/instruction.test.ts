import { describe, expect, it, onTestFinished } from 'vitest'
import { adaptedEncoder, lowRankAdapter } from '../../src/encoder/adapted.ts'
import type { Encoder, Truncation } from '../../src/encoder/encoder.ts'
import { instructionEncoder } from '../../src/encoder/instruction.ts'
import { onnxEncoder } from '../../src/encoder/onnx.ts'
import { staticEncoder } from '../../src/encoder/static.ts'
import { describeEncoder, expectClose } from '../conformance/encoder.ts'
import { toyEncoder } from '../engine-fixture.ts'
import { tinyBert, tinyStatic, tinyWords } from './models.ts'

const instruction = 'unpack the command: '
const noPrompt = { prompt: '' }

async function transformer(options: { prompt?: string } = noPrompt): Promise<Encoder> {
  const encoder = await onnxEncoder(tinyBert, options)
  onTestFinished(() => encoder.close())
  return encoder
}

describeEncoder('instructionEncoder over a static encoder', async () => instructionEncoder(await staticEncoder(tinyStatic), instruction), {
  zeros: true,
  words: tinyWords,
})
describeEncoder(
  'instructionEncoder over a transformer',
  async () => {
    const base = await onnxEncoder(tinyBert, noPrompt)
    const encoder = instructionEncoder(base, instruction)
    // Closing it leaves the base to others, of which there are none here.
    return { ...encoder, close: () => encoder.close().then(() => base.close()) }
  },
  { zeros: false, words: tinyWords },
)

describe('an instruction', () => {
  it('is read before every text', async () => {
    const base = toyEncoder(['find', 'fever'])

    await instructionEncoder(base, 'Find this: ').encode(['fever', ''])

    expect(base.texts).toEqual(['Find this: fever', 'Find this: '])
  })

  it('gives the vectors that the model gives when it is its prompt, wherever the model is open', async () => {
    const [base, prompted] = [await transformer(), await transformer({ prompt: instruction })]

    const [text] = await instructionEncoder(base, instruction).encode(['tar archive'])

    expectClose(text!, (await prompted.encode(['tar archive']))[0]!)
    const model = await staticEncoder(tinyStatic)
    const [row] = await instructionEncoder(model, instruction).encode(['tar archive'])
    expectClose(row!, (await model.encode([`${instruction}tar archive`]))[0]!)
  })

  it('comes after the prefix that a static encoder has already', async () => {
    const base = await staticEncoder(tinyStatic, { prefix: 'fever ' })

    const [vector] = await instructionEncoder(base, 'child ').encode(['dose'])

    expectClose(vector!, (await (await staticEncoder(tinyStatic)).encode(['fever child dose']))[0]!)
  })

  it('names itself by the base and by the instruction', async () => {
    const [base, other] = [toyEncoder(['a']), toyEncoder(['b'])]
    const ids = [instructionEncoder(base, 'x: '), instructionEncoder(base, 'y: '), instructionEncoder(other, 'x: '), base].map(
      ({ id }) => id,
    )

    expect(new Set(ids).size).toBe(4)
    expect(instructionEncoder(base, 'x: ').id).toBe(ids[0])
  })

  it('that is empty changes nothing: the vectors are the base’s, and so is the id', async () => {
    const base = toyEncoder(['fever'])
    const encoder = instructionEncoder(base, '')

    expect(encoder.id).toBe(base.id)
    expect(await encoder.encode(['fever'])).toEqual(await base.encode(['fever']))
  })

  it('counts as part of what is read, and reports the places of texts as they were given', async () => {
    const base = await transformer()
    const reported: Truncation[] = []
    const long = 'tar '.repeat(1_000)

    await instructionEncoder(base, instruction).encode(['tar', long], { onTruncated: (truncation) => reported.push(truncation) })

    expect(reported.map(({ index }) => index)).toEqual([1])
    const bare: Truncation[] = []
    await base.encode([long], { onTruncated: (truncation) => bare.push(truncation) })
    expect(reported[0]!.tokens).toBeGreaterThan(bare[0]!.tokens)
  })

  it('goes before what an adapter makes of the vector', async () => {
    const base = await staticEncoder(tinyStatic)
    const weights = Float32Array.from({ length: 16 }, (_, i) => Math.sin(i))
    const adapter = lowRankAdapter({ down: weights, up: weights.toReversed(), rank: 1, dimensions: 16, id: 'a' })

    const [vector] = await adaptedEncoder(instructionEncoder(base, instruction), adapter).encode(['tar'])

    expectClose(vector!, adapter((await base.encode([`${instruction}tar`]))[0]!))
  })

  it('leaves the base open when its encoder is closed, and refuses when the base is closed', async () => {
    for (const base of [await staticEncoder(tinyStatic), await transformer()]) {
      await instructionEncoder(base, instruction).close()
      expect(await base.encode(['tar'])).toHaveLength(1)

      const encoder = instructionEncoder(base, instruction)
      await base.close()
      await expect(encoder.encode(['tar'])).rejects.toMatchObject({ code: 'CLOSED' })
    }
  })

  it('must be a text, and leave room for one', async () => {
    const base = await staticEncoder(tinyStatic, { maxTokens: 4 })

    expect(() => instructionEncoder(base, undefined as unknown as string)).toThrow(/instruction is of type undefined, not a string/)
    expect(() => instructionEncoder(base, 'fever child dose tar')).toThrow(/prefix takes all of the 4 tokens/)
    const long = instructionEncoder(await transformer(), 'tar '.repeat(100))
    await expect(long.encode(['fever'])).rejects.toThrow(/instruction takes all of the \d+ tokens that are read of a text/)
    await expect(long.encode(['fever'])).rejects.toMatchObject({ argument: 'instruction' })
  })
})
