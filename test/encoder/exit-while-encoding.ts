/** Leaves the process with code 3 while a worker is inside onnxruntime; executed by a test as a process of its own. */
import { onnxEncoder } from '../../src/encoder/onnx.ts'

const encoder = await onnxEncoder(process.argv[2]!)
void encoder.encode(['unpack the archive'])
setTimeout(() => process.exit(3), 200)
