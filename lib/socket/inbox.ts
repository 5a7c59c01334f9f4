import Queue from 'yocto-queue'
import { FST_ERR_WS_TWO_CONSUMERS } from '../errors.ts'

/** What an inbox steers: the reading of the connection, and what happens when its messages are no longer wanted. */
export interface InboxOwner {
  pauseReading (): void
  resumeReading (): void
  /** The message that follows comes with this, from a route with `attachValidation`. */
  setValidationError (error: Error | null): void
  /** Hands a message to the listeners. */
  emitMessage (message: unknown): void
  /** The loop over the messages was left before the connection had ended. */
  loopLeft (): void
}

/** What a waiting message costs besides its payload, so that empty ones cannot be queued without end. */
const ENTRY_COST = 64

interface Entry {
  message: unknown
  cost: number
  error: Error | null
}

interface Waiter {
  resolve (result: IteratorResult<any, undefined>): void
}

const NOBODY = 0
const LISTENERS = 1
const ITERATOR = 2

const DONE: IteratorResult<any, undefined> = { done: true, value: undefined }

/**
 * Messages on their way to the one consumer: the `message` listeners or an iterator. Until there is one, and while an
 * iterator is busy, they wait in order; past `maxQueued` reading pauses.
 */
export class Inbox {
  readonly #owner: InboxOwner
  readonly #maxQueued: number

  #consumer: typeof NOBODY | typeof LISTENERS | typeof ITERATOR = NOBODY
  /** Created for the first message that has to wait. */
  #entries: Queue<Entry> | null = null
  #queued = 0
  #waiter: Waiter | null = null
  /** Listeners get each message at once: nothing waits before it. */
  #direct = false
  #ended = false

  constructor (owner: InboxOwner, maxQueued: number) {
    this.#owner = owner
    this.#maxQueued = maxQueued
  }

  put (message: unknown, byteLength: number, error: Error | null): void {
    if (this.#direct) {
      this.#owner.setValidationError(error)
      this.#owner.emitMessage(message)
    } else if (this.#waiter !== null) {
      const { resolve } = this.#waiter
      this.#waiter = null
      this.#owner.setValidationError(error)
      resolve({ done: false, value: message })
    } else {
      const cost = byteLength + ENTRY_COST
      this.#entries ??= new Queue()
      this.#entries.enqueue({ message, cost, error })
      this.#queued += cost
      if (this.#queued > this.#maxQueued) this.#owner.pauseReading()
    }
  }

  /** A `message` listener was added. @throws {FST_ERR_WS_TWO_CONSUMERS} */
  listen (): void {
    if (this.#consumer === ITERATOR) throw new FST_ERR_WS_TWO_CONSUMERS()
    if (this.#consumer === LISTENERS) return
    this.#consumer = LISTENERS
    // The code that adds the listener may add more of them first.
    queueMicrotask(() => this.#deliverQueue())
  }

  /** The last `message` listener was removed: what comes waits for the next. */
  unlisten (): void {
    if (this.#consumer !== LISTENERS) return
    this.#consumer = NOBODY
    this.#direct = false
  }

  /** @throws {FST_ERR_WS_TWO_CONSUMERS} */
  iterate (): AsyncIterator<any, undefined> {
    if (this.#consumer !== NOBODY) throw new FST_ERR_WS_TWO_CONSUMERS()
    this.#consumer = ITERATOR
    return {
      next: () => this.#next(),
      return: async () => {
        if (!this.#ended) this.#owner.loopLeft()
        this.discard()
        return DONE
      }
    }
  }

  /** No message will come any more; those that wait are still delivered. */
  end (): void {
    this.#ended = true
    this.#waiter?.resolve(DONE)
    this.#waiter = null
  }

  /** The connection was closed from this side: nobody wants what waits. */
  discard (): void {
    this.#entries = null
    this.#queued = 0
    this.end()
  }

  #deliverQueue (): void {
    // A listener may be the last one, or may close the connection.
    while (this.#consumer === LISTENERS && !this.#direct) {
      const entry = this.#take()
      if (entry === undefined) {
        this.#direct = true
        this.#owner.resumeReading()
      } else {
        this.#owner.setValidationError(entry.error)
        this.#owner.emitMessage(entry.message)
      }
    }
  }

  #next (): Promise<IteratorResult<any, undefined>> {
    if (this.#waiter !== null) return Promise.reject(new FST_ERR_WS_TWO_CONSUMERS())
    const entry = this.#take()
    if (entry !== undefined) {
      if (this.#queued <= this.#maxQueued / 2) this.#owner.resumeReading()
      this.#owner.setValidationError(entry.error)
      return Promise.resolve({ done: false, value: entry.message })
    }
    if (this.#ended) return Promise.resolve(DONE)
    return new Promise(resolve => { this.#waiter = { resolve } })
  }

  #take (): Entry | undefined {
    const entry = this.#entries?.dequeue()
    if (entry !== undefined) this.#queued -= entry.cost
    return entry
  }
}
