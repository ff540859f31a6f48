/** Memory that threads and kernels share. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer
}

/** Makes zeroed memory of at least so many bytes. */
export function sharedMemory(bytes: number): SharedMemory {
  const pages = Math.max(1, Math.ceil(bytes / 65_536))
  return new engine.Memory({ initial: pages, maximum: pages, shared: true })
}

/** Memory that can grow where it lies, to at most 4 GiB: nothing is copied, and views of its buffer before stay good for what they show. */
export interface GrowingMemory extends SharedMemory {
  grow(pages: number): number
}

/** Bytes of one page, by which memory grows. */
export const pageBytes = 65_536

/** Makes zeroed memory of at least so many bytes, with addresses for 4 GiB. @throws RangeError when there are none left */
export function growingMemory(bytes: number): GrowingMemory {
  return new engine.Memory({ initial: Math.max(1, Math.ceil(bytes / pageBytes)), maximum: 65_536, shared: true })
}

/** A compiled module, to be bound to any number of memories. */
export function compile(bytes: Uint8Array): object {
  return new engine.Module(bytes)
}

/** The functions of a module, working on this memory. */
export function bind<Functions>(module: object, memory: SharedMemory): Functions {
  return new engine.Instance(module, { env: { memory } }).exports as Functions
}

// Node's types leave WebAssembly to the DOM library, which a Node package has no other use for.
const engine = (
  globalThis as unknown as {
    WebAssembly: {
      Memory: new (limits: { initial: number; maximum: number; shared: boolean }) => GrowingMemory
      Module: new (bytes: Uint8Array) => object
      Instance: new (module: object, imports: { env: { memory: SharedMemory } }) => { exports: unknown }
    }
  }
).WebAssembly
