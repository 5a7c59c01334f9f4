import { openSync, readSync } from 'node:fs'

/** How a process stood at a moment; two of them tell how long something has kept it. */
export interface Tick {
  /** Milliseconds of the clock that all processes of this machine have. */
  at: number
  /** Milliseconds for which its main thread was ready to run and had no core, since it began. */
  waited: number
}

/** Of the main thread: how long it ran, how long it waited for a core, in ns (Linux only). */
const SCHEDSTAT = `/proc/${process.pid}/task/${process.pid}/schedstat`
const file = process.platform === 'linux' ? openSync(SCHEDSTAT, 'r') : null
const text = Buffer.alloc(64)

/** Other processes make no difference to how much of the time between two ticks was not waited. */
export function tick (): Tick {
  const at = Number(process.hrtime.bigint()) / 1e6
  if (file === null) return { at, waited: 0 }
  const length = readSync(file, text, 0, text.length, 0)
  return { at, waited: Number(text.toString('latin1', 0, length).split(' ')[1]) / 1e6 }
}

/** Takes a tick in every turn of the event loop that a timer of 1 ms comes to. */
export class Probe {
  #ticks: Tick[] = []

  constructor () {
    const next = (): void => {
      this.#ticks.push(tick())
      setTimeout(next, 1)
    }
    next()
  }

  restart (): void {
    this.#ticks = [tick()]
  }

  /** Those since then. */
  take (): Tick[] {
    return [...this.#ticks, tick()]
  }
}

/** The longest time between two ticks for which the process was not kept waiting for a core. */
export function longestStretch (ticks: Tick[]): number {
  let longest = 0
  for (let i = 1; i < ticks.length; i++) longest = Math.max(longest, between(ticks[i - 1]!, ticks[i]!))
  return longest
}

export function between (from: Tick, to: Tick): number {
  return to.at - from.at - (to.waited - from.waited)
}

/** How long the process waited for a core in a span of time: of a tick that lies in it in part, a part. */
export function waitedIn (ticks: Tick[], from: number, to: number): number {
  let waited = 0
  for (let i = 1; i < ticks.length; i++) {
    const [begin, end] = [ticks[i - 1]!, ticks[i]!]
    const inside = Math.min(to, end.at) - Math.max(from, begin.at)
    if (inside > 0) waited += (end.waited - begin.waited) * inside / (end.at - begin.at)
  }
  return waited
}
