/**
 * Lets a process end while its worker is busy. Node stops worker threads wherever they are; native code that comes back
 * to a stopped thread aborts the whole process. So the ending process closes the gate and waits until the worker is
 * out of native code, and the worker stays outside from then on.
 */
export type ExitGate = Int32Array<SharedArrayBuffer>

const closed = 0
const inside = 1
/** Longer than any single step of the worker takes. */
const patienceMilliseconds = 10_000

/** The owner's side: a gate that closes when the process exits, until it is released. */
export function exitGate(): { readonly gate: ExitGate; release(): void } {
  const gate = new Int32Array(new SharedArrayBuffer(8))
  if (gates.size === 0) process.on('exit', closeAll)
  gates.add(gate)
  return {
    gate,
    release() {
      gates.delete(gate)
      if (gates.size === 0) process.off('exit', closeAll)
    },
  }
}

/** The worker's side: runs an action inside the gate. Actions may overlap where they wait. */
export async function throughGate<T>(gate: ExitGate, action: () => T | Promise<T>): Promise<T> {
  actions++
  step(gate)
  try {
    return await action()
  } finally {
    if (--actions === 0) leave(gate)
  }
}

/** Called inside the gate between two steps of a long action: does not return once the process is ending. */
export function step(gate: ExitGate): void {
  Atomics.store(gate, inside, 1)
  if (Atomics.load(gate, closed) === 0) return
  leave(gate)
  // Until the thread is stopped.
  Atomics.wait(gate, closed, 1)
}

/** Of this thread, which has one gate. */
let actions = 0
const gates = new Set<ExitGate>()

function closeAll(): void {
  for (const gate of gates) {
    Atomics.store(gate, closed, 1)
    const end = Date.now() + patienceMilliseconds
    while (Atomics.load(gate, inside) === 1 && Date.now() < end) Atomics.wait(gate, inside, 1, 100)
  }
}

function leave(gate: ExitGate): void {
  Atomics.store(gate, inside, 0)
  Atomics.notify(gate, inside)
}
