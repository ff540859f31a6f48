/**
 * Makes the router and the calibration of a pack from held-out queries, after its base and experts have been trained:
 * `tsx models/calibrate-bundled.ts [--out DIR] [--data DIR] [--seed 1]`. A few minutes; the same pack on every run.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { calibratePack } from './training/calibrate.ts'
import { setNames } from './training/experts.ts'
import { readTrainingSet } from './training/sets.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const { values: given } = parseArgs({
  options: {
    data: { type: 'string', default: join(here, '../../shared/data') },
    out: { type: 'string', default: join(here, 'bundled') },
    seed: { type: 'string', default: '1' },
  },
})
const started = performance.now()
const say = (line: string): void => console.log(`[${((performance.now() - started) / 1000).toFixed(0)} s] ${line}`)
const seed = Number(given.seed)
const sets = setNames.map((name) => readTrainingSet(given.data, name, seed))
const { router, calibration, figures } = await calibratePack({ directory: given.out, sets, seed, say })
say(JSON.stringify(figures))
say(JSON.stringify({ weights: router.state.weights, decision: router.state.decision, calibration }))
say(router.state.experts.map(({ name, lexicalWeight }) => `${name}: BM25 ${lexicalWeight}`).join(', '))
