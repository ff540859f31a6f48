/** Trains LoRA into a pack and kills its own process in the middle. Arguments: the pack, the checkpoint. */
import { existsSync } from 'node:fs'
import { trainIntoPack } from '../../src/train/index.ts'
import { tradePairs } from './pairs.ts'

const [pack, checkpoint] = process.argv.slice(2) as [string, string]
await trainIntoPack({
  name: 'trade',
  pairs: tradePairs,
  training: { steps: 10, rank: 2, threads: 1 },
  force: true,
  pack,
  checkpoint,
  checkpointEvery: 0,
  onProgress({ stage, done }) {
    if (stage === 'train' && done >= 25 && existsSync(checkpoint)) process.kill(process.pid, 'SIGKILL')
  },
})
