import { isDense } from '../expert/expert.ts'
import { generalName, type LoadedPack } from '../load-pack.ts'
import { multiTaskExpert, multiTaskName } from '../pack-systems.ts'
import { taskEncoders } from '../tasks/task-encoders.ts'
import type { RetrievalTask } from '../tasks/task.ts'
import { bm25System } from './plain-systems.ts'
import type { CandidateSystem } from './candidate-system.ts'
import { embedderSystem } from './embedder-system.ts'
import { routedSystem } from './routed-system.ts'

/**
 * What a pack has to offer for a task: the general expert, which the others are tested against; its base behind the task's instructions; the
 * router; the multi-task expert; the experts bound to the task, and where there are several the router among them.
 */
export function packCandidateSystems(pack: LoadedPack): (task: RetrievalTask) => readonly CandidateSystem[] {
  const dense = pack.experts.filter(isDense)
  const multiTask = dense.find(({ name }) => name === multiTaskExpert(pack))
  const others = dense.filter((expert) => expert.name !== generalName && expert !== multiTask)
  const routed = routedSystem(pack)
  const general = embedderSystem({ name: generalName, query: pack.base, key: pack.base })
  const bm25 = bm25System(pack.lexical)

  return (task) => {
    const bound = others.filter((expert) => expert.task === task)
    const { query, key } = taskEncoders(pack.base, task)
    return [
      general,
      embedderSystem({ name: `${generalName}+instruction`, query, key }),
      ...(others.length > 0 ? [routed] : []),
      ...(multiTask ? [embedderSystem({ name: multiTaskName, query: multiTask.queryEncoder, key: multiTask.documentEncoder })] : []),
      ...bound.map(({ name, queryEncoder, documentEncoder }) =>
        embedderSystem({ name: `expert:${name}`, query: queryEncoder, key: documentEncoder }),
      ),
      ...(bound.length > 1 ? [routedSystem(pack, { byTask: true })] : []),
      bm25,
    ]
  }
}
