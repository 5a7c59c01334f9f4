import type { Data } from './line.ts'
import { after, type Timer } from './timer.ts'
import type { QueueOptions } from './types.ts'

interface Waiting {
  readonly message: unknown
  readonly data: Data
  readonly cost: number
  /** By the clock of the machine, in milliseconds. */
  readonly until: number
}

/** Messages that wait for a connection, bounded by bytes and age. */
export interface OfflineQueue {
  /** @returns whether there was room */
  put (message: unknown, data: Data): boolean
  /** Hands out all that is not too old, in order, and keeps none of it. */
  take (): readonly Waiting[]
}

export function createQueue ({ bytes = 262_144, age = 60_000 }: QueueOptions, onDrop: (message: unknown) => void): OfflineQueue {
  const waiting: Waiting[] = []
  let total = 0
  let timer: Timer

  /** What is too old is at the front. A listener may send or close meanwhile. */
  function expire (): void {
    for (let first; (first = waiting[0]);) {
      const left = first.until - Date.now()
      if (left > 0) {
        // A listener that has sent may have begun to wait as well.
        clearTimeout(timer)
        timer = after(left, expire)
        return
      }
      waiting.shift()
      total -= first.cost
      onDrop(first.message)
    }
  }

  return {
    put (message, data) {
      const cost = costOf(data)
      if (total + cost > bytes) return false
      total += cost
      if (waiting.push({ message, data, cost, until: Date.now() + age }) === 1) expire()
      return true
    },
    take () {
      expire()
      clearTimeout(timer)
      total = 0
      return waiting.splice(0)
    }
  }
}

/** What a message occupies, in bytes, with what is kept beside it. */
export function costOf (data: Data): number {
  return 128 + (typeof data === 'string' ? data.length * 2 : data.byteLength)
}
