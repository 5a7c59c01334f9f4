import type { Connection } from './connection.ts'

/** The longest time, in milliseconds, between two looks at the connections. */
const LONGEST_TICK = 1000
/** How many looks the shortest interval or timeout is divided into: pings are late by a fifth of it at most. */
const TICKS_PER_TIMEOUT = 5
const EMPTY = Buffer.alloc(0)

/** What the heartbeat looks after. */
export interface Beating {
  readonly connection: Connection
}

/**
 * Pings connections that have fallen silent and cuts those that stay so (RFC 6455 §5.5.2), all from one timer.
 *
 * A connection counts the ticks since it was last heard, and any byte sets the count back, so that traffic costs one
 * assignment. The timer runs only while there are connections, and keeps no process alive.
 */
export class Heartbeat {
  readonly #members: ReadonlySet<Beating>
  #tick = LONGEST_TICK
  #timer: NodeJS.Timeout | null = null

  /** @param members the connections, each with its own `options.heartbeat`; the set may change at any time */
  constructor (members: ReadonlySet<Beating>) {
    this.#members = members
  }

  /** Makes the ticks short enough for these times. To be called before the first `wake`. */
  serve (heartbeat: { interval: number, timeout: number }): void {
    const shortest = Math.min(heartbeat.interval, heartbeat.timeout)
    this.#tick = Math.max(1, Math.min(this.#tick, Math.floor(shortest / TICKS_PER_TIMEOUT)))
  }

  /** Starts the timer, for a member that has just joined. */
  wake (): void {
    this.#timer ??= setInterval(() => this.#beat(), this.#tick).unref()
  }

  #beat (): void {
    for (const { connection } of this.#members) this.#look(connection)
    if (this.#members.size === 0 && this.#timer !== null) {
      clearInterval(this.#timer)
      this.#timer = null
    }
  }

  #look (connection: Connection): void {
    const heartbeat = connection.options.heartbeat
    if (heartbeat === null || !connection.isOpen) return
    const silence = ++connection.quietTicks * this.#tick
    if (connection.isPaused) {
      // We are the ones who do not listen, so silence says nothing; writing to a transport that is gone fails.
      if (silence < heartbeat.interval) return
      connection.quietTicks = 0
      if (connection.bufferedAmount === 0) connection.sendPing(EMPTY)
    } else if (silence >= heartbeat.interval + heartbeat.timeout) {
      connection.terminate()
    } else if (silence >= heartbeat.interval && silence - this.#tick < heartbeat.interval) {
      connection.sendPing(EMPTY)
    }
  }
}
