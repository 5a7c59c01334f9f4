import { after, type Timer } from './timer.ts'
import type { QueueOptions } from './types.ts'

interface Waiting {
  readonly message: unknown
  readonly data: string | Uint8Array
  readonly cost: number
  /** By the clock of the machine, in milliseconds. */
  readonly until: number
}

/** Messages that wait for a connection, bounded by bytes and age. What was handed out is not kept. */
export class OfflineQueue {
  readonly #bytes: number
  readonly #age: number
  readonly #onDrop: (message: unknown) => void
  #waiting: Waiting[] = []
  #cost = 0
  #timer: Timer

  constructor ({ bytes = 262_144, age = 60_000 }: QueueOptions, onDrop: (message: unknown) => void) {
    this.#bytes = bytes
    this.#age = age
    this.#onDrop = onDrop
  }

  /** @returns whether there was room */
  put (message: unknown, data: string | Uint8Array): boolean {
    const cost = costOf(data)
    if (this.#cost + cost > this.#bytes) return false
    this.#cost += cost
    // Bytes belong to the caller, who may use them for something else.
    this.#waiting.push({ message, data: typeof data === 'string' ? data : data.slice(), cost, until: Date.now() + this.#age })
    if (this.#waiting.length === 1) this.#arm()
    return true
  }

  /** Hands out what is not too old, in order. */
  flush (send: (data: string | Uint8Array) => void): void {
    this.#drop(Date.now())
    const waiting = this.#empty()
    for (const { data } of waiting) send(data)
  }

  /** Nothing will be sent any more. */
  discard (): void {
    for (const { message } of this.#empty()) this.#onDrop(message)
  }

  #empty (): Waiting[] {
    const waiting = this.#waiting
    this.#waiting = []
    this.#cost = 0
    clearTimeout(this.#timer)
    return waiting
  }

  #arm (): void {
    clearTimeout(this.#timer)
    const [first] = this.#waiting
    if (first) this.#timer = after(first.until - Date.now(), () => { this.#drop(Date.now()); this.#arm() })
  }

  /** What is too old is at the front. A listener may send or close meanwhile. */
  #drop (now: number): void {
    for (let first; (first = this.#waiting[0]) && first.until <= now;) {
      this.#waiting.shift()
      this.#cost -= first.cost
      this.#onDrop(first.message)
    }
  }
}

/** What a message occupies, in bytes, with what is kept beside it. */
export function costOf (data: string | Uint8Array): number {
  return 128 + (typeof data === 'string' ? data.length * 2 : data.byteLength)
}
