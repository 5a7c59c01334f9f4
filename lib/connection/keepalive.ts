import { EMPTY } from '../protocol/empty.ts'
import type { Connection } from './connection.ts'
import type { TimerWheel, WheelMember } from './timer-wheel.ts'

/** Pings go out up to this share of the interval early, so that connections which came together drift apart. */
const PING_SPREAD = 0.1
/** Lives end up to this share of `maxLifetime` early, for the same reason. */
const LIFE_SPREAD = 0.2
/** Looks at an idle connection within `idleTimeout`: how late it is noticed is a part of it. */
const IDLE_LOOKS = 4

/** Times in milliseconds; null: not watched for. See `SocketOptions`. */
export interface KeepaliveOptions {
  heartbeat: { interval: number, timeout: number } | null
  idleTimeout: number | null
  maxLifetime: number | null
}

/** What a watch looks after. */
export interface KeepaliveOwner {
  readonly connection: Connection
  /** The peer has not answered a ping for `timeout` milliseconds. */
  onSilence (timeout: number): void
  /** Nothing has been said for too long. */
  onIdle (): void
  onLifetimeOver (): void
}

/**
 * Looks after one connection: pings it when it has fallen silent and calls it dead if it stays so (RFC 6455 §5.5.2),
 * and knows when it has idled or lived for too long. What happens on the connection costs nothing here: it only notes
 * the turn of the wheel in which it was heard last.
 */
export class Keepalive implements WheelMember {
  slot: WheelMember['slot'] = null

  readonly #wheel: TimerWheel
  readonly #watched: KeepaliveOwner
  readonly #options: KeepaliveOptions
  /** The turn in which its life ends. */
  readonly #end: number
  /** The turns of silence after which the next ping is sent. */
  #pingAfter = 0
  /** The turn of the last ping. */
  #pingedAt = -1
  #idleSince: number
  #messages = 0

  constructor (wheel: TimerWheel, watched: KeepaliveOwner, options: KeepaliveOptions) {
    this.#wheel = wheel
    this.#watched = watched
    this.#options = options
    this.#idleSince = wheel.now
    this.#end = options.maxLifetime === null ? Infinity
      : wheel.now + wheel.turns(spread(options.maxLifetime, LIFE_SPREAD))
    this.#spreadPing()
    wheel.add(this, this.look(wheel.now))
  }

  stop (): void {
    this.#wheel.remove(this)
  }

  look (now: number): number {
    const { connection } = this.#watched
    // What is closing has its own time limit.
    if (!connection.isOpen) return 0
    if (now >= this.#end) {
      this.#watched.onLifetimeOver()
      return 0
    }
    const next = Math.min(this.#end - now, this.#lookForIdling(now), this.#lookForLife(now))
    return connection.isOpen ? next : 0
  }

  #lookForIdling (now: number): number {
    const { idleTimeout } = this.#options
    if (idleTimeout === null) return Infinity
    const { connection } = this.#watched
    const messages = connection.messagesIn + connection.messagesOut
    // Who waits for us to read is not idle.
    if (messages !== this.#messages || connection.isPaused) {
      this.#messages = messages
      this.#idleSince = now
    }
    const left = this.#idleSince + this.#wheel.turns(idleTimeout) - now
    if (left <= 0) this.#watched.onIdle()
    return Math.min(left, this.#wheel.turns(idleTimeout / IDLE_LOOKS))
  }

  #lookForLife (now: number): number {
    const { heartbeat } = this.#options
    const { connection } = this.#watched
    if (heartbeat === null || !connection.isOpen) return Infinity
    const { heardAt, isPaused } = connection
    // Paused, we are the ones who do not listen: silence says nothing, but writing to a transport that is gone fails.
    if (heardAt < this.#pingedAt && !isPaused) {
      const left = this.#pingedAt + this.#wheel.turns(heartbeat.timeout) - now
      if (left <= 0) this.#watched.onSilence(heartbeat.timeout)
      return left
    }
    const left = Math.max(heardAt, this.#pingedAt) + this.#pingAfter - now
    if (left > 0) return left
    if (!isPaused || connection.bufferedAmount === 0) connection.sendPing(EMPTY)
    this.#pingedAt = now
    this.#spreadPing()
    return this.#wheel.turns(heartbeat.timeout)
  }

  #spreadPing (): void {
    const { heartbeat } = this.#options
    if (heartbeat !== null) this.#pingAfter = this.#wheel.turns(spread(heartbeat.interval, PING_SPREAD))
  }
}

function spread (delay: number, share: number): number {
  return delay * (1 - share * Math.random())
}
