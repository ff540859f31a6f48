/**
 * The thread of the floors in which a session runs. It is given batches of tokens to hold, then told by index which to run; JavaScript, as
 * threads do not take the loader that runs TypeScript.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { InferenceSession, Tensor } from 'onnxruntime-node'

const { path, threads, spin } = workerData
const session = await InferenceSession.create(path, {
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  graphOptimizationLevel: 'all',
  extra: {
    session: {
      intra_op: { allow_spinning: spin ? '1' : '0' },
      // Spinning ends with the run: an idle session takes no processor.
      ...(spin && { force_spinning_stop: '1' }),
    },
  },
})
let held = []
parentPort.on('message', async (message) => {
  if (typeof message === 'number') await session.run(held[message])
  else held = message.map(tensors)
  parentPort.postMessage(0)
})
parentPort.postMessage(0)

function tensors({ ids, width }) {
  const dims = [ids.length, width]
  const input = new BigInt64Array(ids.length * width)
  const mask = new BigInt64Array(ids.length * width)
  for (const [row, tokens] of ids.entries()) {
    for (const [column, id] of tokens.entries()) {
      input[row * width + column] = BigInt(id)
      mask[row * width + column] = 1n
    }
  }
  return {
    input_ids: new Tensor('int64', input, dims),
    attention_mask: new Tensor('int64', mask, dims),
    token_type_ids: new Tensor('int64', new BigInt64Array(ids.length * width), dims),
  }
}
