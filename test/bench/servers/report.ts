import { setTimeout as wait } from 'node:timers/promises'
import { fromEngine } from './from-engine.ts'

declare const Bun: { gc: (force: boolean) => void } | undefined

/** To the questions of the benchmark. Some servers can answer more of them. */
export const answers: Record<string, () => unknown> = {
  cpu: () => ({ ...process.cpuUsage(), at: performance.now() }),
  memory,
  longest,
  fromEngine
}

/** Tells the benchmark the port, answers its questions, and ends when it does. */
export function report (port: number): void {
  process.on('message', async question => { process.send!(await answers[question as string]!()) })
  process.on('disconnect', () => { process.exit() })
  process.send!(port)
}

let probe: { last: number, longest: number } | null = null

/** The longest time between two timers of a millisecond since it was last asked, in microseconds; the first time, nothing. */
function longest (): number {
  if (probe === null) {
    const started = probe = { last: performance.now(), longest: 0 }
    setInterval(() => {
      const now = performance.now()
      started.longest = Math.max(started.longest, now - started.last)
      started.last = now
    }, 1)
  }
  const { longest } = probe
  probe.longest = 0
  return longest * 1000
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
