import { after, type Timer } from './timer.ts'
import type { ClientHeartbeatOptions } from './types.ts'

/** Milliseconds in which a server answers that is there, when somebody waits for it. */
const AT_ONCE = 5000
/** Timers that are late by more than this, in milliseconds, have slept: with the machine, or in a frozen page. */
const ASLEEP = 3000

/** Whose connection is watched. */
export interface LivenessOwner {
  /** Asks the server for a sound. */
  ask (): void
  /** Whether silence says something at present: what is not read, or sleeps, hears nothing. */
  isListening (): boolean
  /** The server has not answered. */
  onSilence (): void
}

/**
 * Notices that a connection is dead although nothing has ended it. A message only notes its time: the timer finds out what it
 * means, for timers are slow in pages that nobody sees.
 */
export class Liveness {
  readonly #owner: LivenessOwner
  readonly #interval: number
  readonly #timeout: number
  #timer: Timer
  /** When the timer should run, and when there was a sound, by the clock of the machine. */
  #due = 0
  #heardAt = 0
  #startedAt = 0
  #isAsking = false
  /** Whether this server answers; `doubtful`: it has left a whole connection without a sound. */
  #answers: 'unknown' | 'doubtful' | 'yes' = 'unknown'

  constructor (owner: LivenessOwner, { interval = 25_000, timeout = 10_000 }: ClientHeartbeatOptions) {
    this.#owner = owner
    this.#interval = interval
    this.#timeout = timeout
  }

  /**
   * A connection has opened.
   *
   * @param hasPings whether every server answers; one that never has is only judged once
   */
  start (hasPings: boolean): void {
    if (hasPings) this.#answers = 'yes'
    this.#startedAt = Date.now()
    this.#isAsking = true
    this.heard()
    // Now is the time to learn whether the server answers.
    if (this.#answers === 'unknown') this.#ask(this.#timeout)
  }

  stop (): void {
    clearTimeout(this.#timer)
    this.#isAsking = false
  }

  heard (): void {
    this.#heardAt = Date.now()
    if (!this.#isAsking) return
    this.#isAsking = false
    this.#wait(this.#interval)
  }

  answered (): void {
    this.#answers = 'yes'
    this.heard()
  }

  /** Somebody wants to know now. */
  probe (): void {
    const timeout = Math.min(this.#timeout, AT_ONCE)
    // Who asks again and again must not put off the end of a dead connection.
    const left = this.#due - Date.now()
    if (this.#isAsking && left > 0 && left < timeout) this.#owner.ask()
    else this.#ask(timeout)
  }

  #ask (timeout: number): void {
    this.#isAsking = true
    this.#wait(timeout)
    this.#owner.ask()
  }

  #wait (delay: number): void {
    clearTimeout(this.#timer)
    this.#due = Date.now() + delay
    this.#timer = after(delay, () => this.#look())
  }

  #look (): void {
    const now = Date.now()
    if (!this.#isAsking) {
      const left = this.#heardAt + this.#interval - now
      // More than the whole is left if the clock was set back.
      if (left > 0 && left < this.#interval) this.#wait(left)
      else if (now - this.#due > ASLEEP) this.probe()
      else this.#ask(this.#timeout)
    } else if (now - this.#due > ASLEEP) {
      this.probe()
    } else if (this.#owner.isListening()) {
      this.#judge()
    }
    // Not judged, it is asked again after the next sound, or when somebody wants to know.
  }

  #judge (): void {
    const isSilent = this.#heardAt === this.#startedAt
    if (this.#answers === 'yes') this.#owner.onSilence()
    else if (this.#answers === 'unknown' && isSilent) {
      // Either it is dead, or it does not answer: the next connection will tell.
      this.#answers = 'doubtful'
      this.#owner.onSilence()
    } else {
      // At least the network finds out whether there is somebody.
      this.#ask(this.#interval)
    }
  }
}
