import { serveWorker, type WorkerHandler } from '../worker.ts'
import { likelihoods } from './likelihoods.ts'
import { loadModel, type LoadedModel } from './load.ts'
import { scorePairs } from './pairs.ts'
import type { LikelihoodRequest, LoadRequest, LoadResult, PairRequest, SampleRequest } from './protocol.ts'
import { sampleTexts } from './sampling.ts'

type Context = Parameters<WorkerHandler>[1]

let model: LoadedModel | undefined

/** Lets an abort be seen between two passes, and tells how far the work is. */
const pause =
  ({ signal, report }: Context) =>
  async (done?: number): Promise<void> => {
    if (done !== undefined) report(done)
    await new Promise(setImmediate)
    signal.throwIfAborted()
  }

serveWorker({
  async load(request: LoadRequest): Promise<LoadResult> {
    model = await loadModel(request)
    return { id: model.id, window: model.window }
  },
  likelihoods: ({ prompts }: LikelihoodRequest, context: Context) => likelihoods(model!, prompts, pause(context)),
  sample: (request: SampleRequest, context: Context) => sampleTexts(model!, request, pause(context)),
  pairs: ({ pairs }: PairRequest, context: Context) => scorePairs(model!, pairs, pause(context)),
  async close(): Promise<void> {
    await model?.dispose()
    model = undefined
  },
})
