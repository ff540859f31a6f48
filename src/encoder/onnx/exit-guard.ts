/** Two numbers shared by the main thread and a worker: whether native code is running, and whether the process is leaving. */
export type ExitFlags = Int32Array<SharedArrayBuffer>

const running = 0
const leaving = 1
/** Milliseconds a process waits at its end for a native call; the longest pass of a large model is below a second. */
const patience = 10_000

const guarded = new Set<ExitFlags>()

/**
 * Makes `process.exit()` wait for the native call a worker is in: to tear a thread down inside onnxruntime aborts the
 * process. For the main thread; `release` ends it.
 */
export function guardExit(): { readonly flags: ExitFlags; release(): void } {
  const flags = new Int32Array(new SharedArrayBuffer(8))
  if (guarded.size === 0) process.on('exit', waitForAll)
  guarded.add(flags)
  return {
    flags,
    release() {
      guarded.delete(flags)
      if (guarded.size === 0) process.off('exit', waitForAll)
    },
  }
}

/** Runs native code where the main thread can see it. Once the process is leaving, none is begun. For the worker. */
export async function guardedly<T>(flags: ExitFlags, work: () => Promise<T>): Promise<T> {
  Atomics.store(flags, running, 1)
  try {
    if (Atomics.load(flags, leaving) === 0) return await work()
  } finally {
    Atomics.store(flags, running, 0)
    Atomics.notify(flags, running)
  }
  return new Promise(() => {})
}

function waitForAll(): void {
  for (const flags of guarded) {
    Atomics.store(flags, leaving, 1)
    Atomics.wait(flags, running, 1, patience)
  }
}
