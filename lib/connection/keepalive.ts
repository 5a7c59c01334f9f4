import { EMPTY } from '../protocol/empty.ts'
import type { Connection } from './connection.ts'
import type { TimerWheel, WheelMember } from './timer-wheel.ts'

/** Pings go out early by up to this share of the interval, so that connections opened together drift apart. */
const PING_JITTER = 0.1
/** Lifetimes end early by up to this share of `maxLifetime`, for the same reason. */
const LIFE_JITTER = 0.2
/** Checks of an idle connection in each `idleTimeout`: idling is noticed late by at most the time between two. */
const IDLE_CHECKS = 4

/** Times in milliseconds; null: off. See `SocketOptions`. */
export interface KeepaliveOptions {
  heartbeat: { interval: number, timeout: number } | null
  idleTimeout: number | null
  maxLifetime: number | null
}

/** Owns the connection that a `Keepalive` watches. */
export interface KeepaliveOwner {
  readonly connection: Connection
  /** The peer has not answered a ping for `timeout` milliseconds. */
  onSilence (timeout: number): void
  /** No message has been sent or received for too long. */
  onIdle (): void
  onLifetimeOver (): void
}

/**
 * Watches one connection: pings a silent peer and reports one that stays silent (RFC 6455 §5.5.2), and notices when the
 * connection has idled or lived for too long. Traffic costs nothing here: the connection only notes the turn of the
 * wheel in which it last heard the peer.
 */
export class Keepalive implements WheelMember {
  slot: WheelMember['slot'] = null

  readonly #wheel: TimerWheel
  readonly #owner: KeepaliveOwner
  readonly #options: KeepaliveOptions
  /** The turn in which `maxLifetime` is over. */
  readonly #end: number
  /** Turns of silence before the next ping is sent. */
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
    // Closing has its own time limit.
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
    // A peer that waits for us to read is not idle.
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
    // While paused we do not listen, so silence says nothing. A ping still helps: writing to a dead transport fails.
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
