import { setTimeout as pause } from 'node:timers/promises'

/** Waits until this process, all threads included, has been idle for a second: until what a store builds in the background is built. */
export async function settled(): Promise<void> {
  for (let idle = 0; idle < 4;) {
    const before = process.cpuUsage()
    await pause(250)
    const { user, system } = process.cpuUsage(before)
    idle = (user + system) / 250_000 < 0.1 ? idle + 1 : 0
  }
}
