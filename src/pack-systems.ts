import { distinct, optionsOf, systemNames } from './eval/systems.ts'
import { isDense, type Expert } from './expert/expert.ts'
import { generalName, type LoadedPack } from './load-pack.ts'

/** The expert that was trained on the questions of all others, in a pack that has one. */
export const multiTaskName = 'multi-task'

/** The routers that the paper compares, its own first: learned from train queries before an evaluation begins. */
export const learnedRouters = [
  'router:pilot-mean',
  'router:pilot-max',
  'router:dataset',
  'router:classification-head',
  'router:expert-classifiers',
] as const

export const defaultRouter = 'router:default'

const oracles = ['oracle:set', 'oracle:query']

/** Names of all systems of a pack, in the order they are reported. */
export function packSystems(pack: LoadedPack): string[] {
  const multiTask = multiTaskExpert(pack)
  const experts = pack.experts.filter(({ name }) => name !== generalName && name !== multiTask)
  return [
    ...systemNames,
    ...(multiTask === undefined ? [] : [multiTaskName]),
    ...experts.map(({ name }) => expertSystem(name)),
    defaultRouter,
    ...learnedRouters,
    ...oracles,
  ]
}

/** The systems asked for, each once. @throws InvalidArgumentError, UnknownExpertError */
export function checkPackSystems(pack: LoadedPack, names: readonly string[] = packSystems(pack)): string[] {
  const further = packSystems(pack).filter((name) => /^(router|oracle):/.test(name) || name === multiTaskName)
  const experts = pack.experts.map(({ name }) => name)
  return distinct(names).filter((name) => further.includes(name) || optionsOf(name, experts, further))
}

/** Name of the system that asks one expert throughout. */
export function expertSystem(name: string): string {
  return name === generalName ? generalName : `expert:${name}`
}

/** Name of the expert that `multi-task` asks. */
export function multiTaskExpert({ pack }: LoadedPack): string | undefined {
  return pack.manifest.experts.find(({ multiTask }) => multiTask)?.name
}

/** The experts that a choice is among: all that have vectors, the general one first and the multi-task one left out. */
export function rivalExperts(pack: LoadedPack): Exclude<Expert, { kind: 'lexical' }>[] {
  const multiTask = multiTaskExpert(pack)
  return pack.experts.filter(isDense).filter(({ name }) => name !== multiTask)
}
