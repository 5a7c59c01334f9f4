import { after, ASLEEP, AT_ONCE, type Timer } from './timer.ts'
import type { ClientHeartbeatOptions } from './types.ts'

/** Whose connection is watched. */
export interface LivenessOwner {
  /** Asks the server for a sound. */
  ask (): void
  /** Whether silence says something at present: what sleeps or is not read hears nothing. */
  isListening (): boolean
  /** The server has not answered. */
  onSilence (): void
}

/**
 * Notices that a connection is dead although nothing has ended it. A message only notes its time: the timer finds out what it
 * means, for timers are slow in pages that nobody sees.
 */
export interface Liveness {
  /**
   * A connection has opened that can be asked.
   *
   * @param hasPings whether every server answers; one that never has is only judged once
   */
  start (hasPings: boolean): void
  stop (): void
  heard (): void
  answered (): void
  /** Somebody wants to know now. */
  probe (): void
}

export function createLiveness ({ ask, isListening, onSilence }: LivenessOwner, { interval = 25_000, timeout = 10_000 }: ClientHeartbeatOptions): Liveness {
  /** Whether this server answers; `doubtful`: it was given up because it had not. */
  let answers: 'unknown' | 'doubtful' | 'yes' = 'unknown'
  /** Whether there is a connection that can be asked. */
  let isOn = false
  let isAsking = false
  let timer: Timer
  /** When the timer should run, by the clock of the machine; and so on. */
  let due = 0
  let heardAt = 0

  function wait (delay: number): void {
    clearTimeout(timer)
    due = Date.now() + delay
    timer = after(delay, look)
  }

  function question (patience: number): void {
    isAsking = true
    wait(patience)
    ask()
  }

  function probe (): void {
    if (!isOn) return
    const patience = Math.min(timeout, AT_ONCE)
    const left = due - Date.now()
    // Who asks again and again must not put off the end of a dead connection.
    if (isAsking && left > 0 && left < patience) ask()
    else question(patience)
  }

  function look (): void {
    const now = Date.now()
    const left = heardAt + interval - now
    if (now - due > ASLEEP) probe()
    else if (!isAsking) {
      // More than the whole is left if the clock was set back.
      if (left > 0 && left <= interval) wait(left)
      else question(timeout)
    } else if (isListening()) judge()
    // Not judged, it is asked again after the next sound, or when somebody wants to know.
  }

  function judge (): void {
    if (answers === 'doubtful') {
      // At least the network finds out whether there is somebody.
      question(interval)
    } else {
      // A server that has never answered is dead, or does not know how: the next connection will tell.
      if (answers !== 'yes') answers = 'doubtful'
      onSilence()
    }
  }

  function heard (): void {
    heardAt = Date.now()
    if (isAsking) {
      isAsking = false
      wait(interval)
    }
  }

  return {
    start (hasPings) {
      if (hasPings) answers = 'yes'
      isOn = isAsking = true
      heard()
      // Now is the time to learn whether the server answers.
      if (answers !== 'yes') question(timeout)
    },
    stop () {
      clearTimeout(timer)
      isOn = isAsking = false
    },
    heard,
    answered () {
      answers = 'yes'
      heard()
    },
    probe
  }
}
