import { setTimeout as wait } from 'node:timers/promises'
import { busySeconds } from '../machine.ts'
import type { Measurement, Timing } from '../measurement.ts'
import type { ServerProcess } from '../server-process.ts'

/** Counts what was achieved, and remembers when that was last. */
export class Tally {
  count = 0
  /** In an array, because a number with a fraction anywhere else is allocated at every assignment. */
  readonly #lastAt = new Float64Array(1)

  add (count: number): void {
    this.count += count
    this.#lastAt[0] = performance.now()
  }

  get lastAt (): number {
    return this.#lastAt[0]!
  }
}

/**
 * Rate and CPU time while the load is on. The rate is taken between two replies: with few large messages it would
 * otherwise depend on where the time happens to end.
 *
 * @param begin called when the measured time begins
 */
export async function watch (
  server: ServerProcess, tally: Tally, { warmUp, seconds }: Timing, begin: () => void = () => {}
): Promise<Measurement> {
  await wait(warmUp * 1000)
  const serverBefore = await server.cpu()
  const before = {
    own: process.cpuUsage(), busy: busySeconds(), at: performance.now(), count: tally.count, lastAt: tally.lastAt
  }
  begin()
  await wait(seconds * 1000)
  const own = process.cpuUsage(before.own)
  const busy = busySeconds() - before.busy
  const elapsed = (performance.now() - before.at) / 1000
  const count = tally.count - before.count
  const value = count === 0 ? 0 : count / (tally.lastAt - before.lastAt) * 1000
  const serverAfter = await server.cpu()
  const serverCpu = (serverAfter.seconds - serverBefore.seconds) / (serverAfter.at - serverBefore.at)
  const generatorCpu = (own.user + own.system) / 1e6 / elapsed
  return {
    value,
    serverMicros: value === 0 ? 0 : serverCpu / value * 1e6,
    serverCpu,
    generatorCpu,
    othersCpu: Math.max(0, busy / elapsed - serverCpu - generatorCpu)
  }
}

/** A promise that only ever rejects, and what makes it do so. */
export function failure (): { failed: (error: Error) => void, failure: Promise<never> } {
  let failed: (error: Error) => void = () => {}
  const failure = new Promise<never>((_resolve, reject) => { failed = reject })
  failure.catch(() => {})
  return { failed, failure }
}
