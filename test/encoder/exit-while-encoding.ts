/** Leaves the process with code 3 while a worker is inside onnxruntime; executed by a test as a process of its own. */
import { onnxEncoder } from '../../src/encoder/onnx.ts'
import { tinyBert } from './model-paths.ts'

const encoder = await onnxEncoder(tinyBert)
void encoder.encode(Array.from({ length: 100_000 }, (_, i) => `unpack the tar archive with a command ${i}`))
setTimeout(() => process.exit(3), 50 + Number(process.argv[2]))
