import { defaultStages, type BaseStage } from '../../src/train/index.ts'

/** What a pack is made of. */
export interface Recipe {
  readonly name: string
  readonly version: string
  /** Sets of `--data` that it learns from. */
  readonly sets: readonly string[]
  /** Sets whose questions the base does not see: their experts arrive later, as a user's own do. */
  readonly late: readonly string[]
  readonly stages: readonly BaseStage[]
  readonly experts: readonly ExpertRecipe[]
  /** One query side for all sets, to compare routing with; no router asks it. */
  readonly multiTask?: MultiTaskRecipe
}

/** What an expert learns from, and the settings that are tried; the best on held-out queries are kept. */
export interface ExpertRecipe {
  readonly name: string
  readonly sets: readonly string[]
  readonly description: string
  readonly sweep: readonly ExpertSettings[]
}

export interface ExpertSettings {
  readonly rates: readonly number[]
  readonly steps: number
  readonly temperature: number
  readonly hardNegatives?: number
  readonly dropout?: number
}

/** Settings that are tried; the best on held-out queries is kept. */
export interface MultiTaskRecipe {
  readonly sweep: readonly ExpertSettings[]
}

const medical: ExpertRecipe = {
  name: 'medical',
  sets: ['medquad'],
  description: 'Consumer health: diseases, symptoms, treatments, medicines',
  sweep: [{ rates: [1e-2], steps: 800, temperature: 0.03 }],
}

const shell: ExpertRecipe = {
  name: 'shell',
  sets: ['tldr-pages', 'nl2bash'],
  description: 'Command-line tools and shell one-liners',
  sweep: [{ rates: [1e-2], steps: 300, temperature: 0.05 }],
}

const code: ExpertRecipe = {
  name: 'code',
  sets: ['cosqa'],
  description: 'Python functions',
  sweep: [{ rates: [2e-3], steps: 120, temperature: 0.05 }],
}

const tools: ExpertRecipe = {
  name: 'tools',
  sets: ['metatool', 'seal-tools', 'apibench'],
  description: 'Which tool, plugin, API or model to use for a task',
  sweep: [{ rates: [5e-3], steps: 200, temperature: 0.05, hardNegatives: 1 }],
}

const bank: ExpertRecipe = {
  name: 'bank',
  sets: ['banking77'],
  description: 'Bank customer support: cards, transfers, top-ups, identity',
  sweep: [{ rates: [3e-2], steps: 700, temperature: 0.03 }],
}

const assistant: ExpertRecipe = {
  name: 'assistant',
  sets: ['clinc150'],
  description: 'Everyday requests to an assistant: travel, home, calendar, small talk',
  sweep: [{ rates: [3e-2], steps: 700, temperature: 0.03 }],
}

/** The nine free sets; the questions of two of them arrive after the base. */
export const bundled: Recipe = {
  name: 'bundled',
  version: '0.3.0',
  sets: ['medquad', 'tldr-pages', 'nl2bash', 'cosqa', 'banking77', 'metatool', 'seal-tools', 'apibench', 'clinc150'],
  late: ['banking77', 'clinc150'],
  stages: defaultStages,
  experts: [medical, shell, code, tools, bank, assistant],
}

/**
 * The setting of the RouterRetriever paper: a base that has seen texts and no question, as Contriever has, an expert for each domain, and one
 * model trained on the questions of all of them.
 */
export const paper: Recipe = {
  name: 'paper-setting',
  version: '0.1.0',
  sets: [...bundled.sets, 'fm2', 'climate-fever-sent', 'argkp'],
  late: [...bundled.sets, 'fm2', 'climate-fever-sent', 'argkp'],
  stages: [{ name: 'texts', steps: 2500, pairShare: 0 }],
  experts: [
    { ...medical, sweep: tried([1e-2], [800, 1600], [0.03]) },
    { ...shell, sweep: tried([1e-2, 2e-2], [600], [0.03, 0.05]) },
    { ...code, sweep: tried([1e-2, 2e-2], [400], [0.05], [0.3, 0.5]) },
    { ...tools, sweep: tried([1e-2, 2e-2], [800], [0.03, 0.05]) },
    { ...bank, sweep: tried([3e-2], [700], [0.03]) },
    {
      name: 'claims',
      sets: ['fm2', 'climate-fever-sent'],
      description: 'Evidence for and against claims',
      sweep: tried([1e-2, 2e-2], [600], [0.03, 0.05]),
    },
    {
      name: 'arguments',
      sets: ['argkp'],
      description: 'Arguments that make a point',
      sweep: tried([5e-3, 1e-2, 2e-2], [200], [0.05], [0.3, 0.5]),
    },
    { ...assistant, sweep: tried([3e-2], [700], [0.03]) },
  ],
  // Each run has more steps than all experts that were chosen together, and all runs more than all the experts' runs.
  multiTask: {
    sweep: [
      { rates: [1e-2, 2e-2], steps: 4600, temperature: 0.03, dropout: 0.3 },
      { rates: [1e-2, 2e-2, 3e-2], steps: 4600, temperature: 0.03, dropout: 0 },
      { rates: [1e-2, 2e-2], steps: 4600, temperature: 0.05, dropout: 0.3 },
      { rates: [1e-2], steps: 4600, temperature: 0.03, dropout: 0.3, hardNegatives: 1 },
    ],
  },
}

export const recipes: Readonly<Record<string, Recipe>> = { bundled, paper }

/** Every combination. */
function tried(
  rates: readonly number[],
  steps: readonly number[],
  temperatures: readonly number[],
  dropouts: readonly number[] = [0, 0.3],
): ExpertSettings[] {
  return steps.flatMap((count) =>
    temperatures.flatMap((temperature) => dropouts.map((dropout): ExpertSettings => ({ rates, steps: count, temperature, dropout }))),
  )
}
