import hnswlib from 'hnswlib-node'

/** M and efConstruction as Pilotfish builds its graphs. */
export const graphSettings = { m: 24, efConstruction: 200 }

/** A graph of hnswlib-node alone; labels are places. */
export function bareGraph(vectors: readonly Float32Array[]): hnswlib.HierarchicalNSW {
  const graph = new hnswlib.HierarchicalNSW('ip', vectors[0]!.length)
  graph.initIndex({ maxElements: vectors.length, ...graphSettings, randomSeed: 1 })
  for (const [i, vector] of vectors.entries()) graph.addPoint(Array.from(vector), i)
  return graph
}
