import { EMPTY } from '../protocol/empty.ts'
import type { Connection } from './connection.ts'
import type { TimerWheel, WheelMember } from './timer-wheel.ts'

/** Pings go out up to this share of the interval early, so that connections which came together drift apart. */
const PING_JITTER = 0.1
/** Lives end up to this share of `maxLifetime` early, for the same reason. */
const LIFE_JITTER = 0.2
/** Looks at an idle connection within `idleTimeout`: how late it is noticed is a part of it. */
const IDLE_CHECKS = 4

/** Times in milliseconds; null: off. See `SocketOptions`. */
export interface KeepaliveOptions {
  heartbeat: { interval: number, timeout: number } | null
  idleTimeout: number | null
  maxLifetime: number | null
}

/** Whose connection it looks after. */
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
  readonly #owner: KeepaliveOwner
  readonly #options: KeepaliveOptions
  /** The turn in which its life ends. */
  readonly #end: number
  /** The turns of silence after which the next ping is sent. */
  #pingAfter = 0
  /** The turn of the last ping. */
  #pingedAt = -1
  #idleSince: number
  #messages = 0

  constructor (wheel: TimerWheel, owner: KeepaliveOwner, options: KeepaliveOptions) {
    this.#wheel = wheel
    this.#owner = owner
    this.#options = options
    this.#idleSince = wheel.now
    this.#end = options.maxLifetime === null ? Infinity
      : wheel.now + wheel.turns(jittered(options.maxLifetime, LIFE_JITTER))
    this.#jitterPing()
    wheel.add(this, this.check(wheel.now))
  }

  stop (): void {
    this.#wheel.remove(this)
  }

  check (now: number): number {
    const { connection } = this.#owner
    // What is closing has its own time limit.
    if (!connection.isOpen) return 0
    if (now >= this.#end) {
      this.#owner.onLifetimeOver()
      return 0
    }
    const next = Math.min(this.#end - now, this.#checkIdle(now), this.#checkHeartbeat(now))
    return connection.isOpen ? next : 0
  }

  #checkIdle (now: number): number {
    const { idleTimeout } = this.#options
    if (idleTimeout === null) return Infinity
    const { connection } = this.#owner
    const messages = connection.messagesIn + connection.messagesOut
    // Who waits for us to read is not idle.
    if (messages !== this.#messages || connection.isPaused) {
      this.#messages = messages
      this.#idleSince = now
    }
    const left = this.#idleSince + this.#wheel.turns(idleTimeout) - now
    if (left <= 0) this.#owner.onIdle()
    return Math.min(left, this.#wheel.turns(idleTimeout / IDLE_CHECKS))
  }

  #checkHeartbeat (now: number): number {
    const { heartbeat } = this.#options
    const { connection } = this.#owner
    if (heartbeat === null || !connection.isOpen) return Infinity
    const { heardAt, isPaused } = connection
    // Paused, we are the ones who do not listen: silence says nothing, but writing to a transport that is gone fails.
    if (heardAt < this.#pingedAt && !isPaused) {
      const left = this.#pingedAt + this.#wheel.turns(heartbeat.timeout) - now
      if (left <= 0) this.#owner.onSilence(heartbeat.timeout)
      return left
    }
    const left = Math.max(heardAt, this.#pingedAt) + this.#pingAfter - now
    if (left > 0) return left
    if (!isPaused || connection.bufferedAmount === 0) connection.sendPing(EMPTY)
    this.#pingedAt = now
    this.#jitterPing()
    return this.#wheel.turns(heartbeat.timeout)
  }

  #jitterPing (): void {
    const { heartbeat } = this.#options
    if (heartbeat !== null) this.#pingAfter = this.#wheel.turns(jittered(heartbeat.interval, PING_JITTER))
  }
}

function jittered (delay: number, share: number): number {
  return delay * (1 - share * Math.random())
}
