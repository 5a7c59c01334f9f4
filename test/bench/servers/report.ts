import { setTimeout as wait } from 'node:timers/promises'

declare const Bun: { gc: (force: boolean) => void } | undefined

/** Tells the benchmark the port, answers its questions, and ends when it does. */
export function report (port: number): void {
  process.on('message', async question => {
    process.send!(question === 'memory' ? await memory() : { ...process.cpuUsage(), at: performance.now() })
  })
  process.on('disconnect', () => { process.exit() })
  process.send!(port)
}

/** Collects again what the first collection has finalized, and gives freed pages the time to be returned. */
async function memory (): Promise<NodeJS.MemoryUsage> {
  for (let i = 0; i < 3; i++) {
    if (typeof Bun === 'undefined') globalThis.gc!()
    else Bun.gc(true)
    await wait(100)
  }
  return process.memoryUsage()
}
