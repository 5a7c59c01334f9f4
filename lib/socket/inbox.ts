import Queue from 'denque'
import { turn, type TurnTaker } from '../connection/turn.ts'
import { FST_ERR_WS_TWO_CONSUMERS } from '../errors.ts'
import { ALLOWANCE, workOf } from '../protocol/work.ts'

/** In place of a message that its route does not take. */
export const REFUSED = Symbol('refused')

/** What an inbox steers: the reading of the connection, and what happens when its messages are no longer wanted. */
export interface InboxOwner {
  pauseReading (): void
  resumeReading (): void
  /**
   * Makes a message of what has come, now that it is its turn. What is refused has been dealt with, and the owner may have
   * closed for it.
   */
  decodeMessage (data: string | Buffer): unknown
  /** Hands a message to the listeners. */
  emitMessage (message: unknown): void
  /** The loop over the messages was left before the connection had ended. */
  loopLeft (): void
  /** No message will come any more, and the consumer is done with the last. */
  onConsumed (): void
}

/**
 * What a waiting message costs besides its payload, in bytes, so that small ones cannot be queued without end. Node 20
 * to 26: text 79 to 100, binary 176 to 288.
 */
const TEXT_COST = 100
const BINARY_COST = 300

interface Entry {
  /** Kept as it came: what JSON is parsed into takes up to thirty times the room. */
  data: string | Buffer
  cost: number
}

interface Waiter {
  resolve (result: IteratorResult<any, undefined>): void
}

/** There is no consumer yet, or no longer: messages wait for the next. */
const NOBODY = 0
/** None is to come: messages are discarded, unless one comes after all. */
const UNWANTED = 1
const LISTENERS = 2
const ITERATOR = 3

/** Stands for one whose message is being looked for: what is called meanwhile comes second. */
const ASKING: Waiter = { resolve () {} }

const DONE: IteratorResult<any, undefined> = { done: true, value: undefined }

/**
 * Messages on their way to the one consumer: the `message` listeners or an iterator. Until there is one, and while an
 * iterator is busy, they wait in order; past `maxQueued` reading pauses. A message is parsed and validated when it is its
 * turn, so that a refusal keeps its place in the order.
 */
export class Inbox implements TurnTaker {
  readonly #owner: InboxOwner
  readonly #maxQueued: number

  #consumer: typeof NOBODY | typeof UNWANTED | typeof LISTENERS | typeof ITERATOR = NOBODY
  /** Created for the first message that has to wait. */
  #entries: Queue<Entry> | null = null
  #queued = 0
  #waiter: Waiter | null = null
  /** Whether an iterator was given a message, and has not asked for the next. */
  #isTaken = false
  /** Listeners get each message at once: nothing waits before it. */
  #direct = false
  #ended = false
  /** Work that may still be done before the clock is looked at. */
  #allowance = ALLOWANCE

  constructor (owner: InboxOwner, maxQueued: number) {
    this.#owner = owner
    this.#maxQueued = maxQueued
  }

  put (data: string | Buffer, byteLength: number): void {
    if (this.#direct) {
      const message = this.#owner.decodeMessage(data)
      if (message !== REFUSED) this.#owner.emitMessage(message)
    } else if (this.#waiter !== null && !this.#hasEntries) {
      const message = this.#owner.decodeMessage(data)
      if (message !== REFUSED) this.#hand(message)
    } else if (!this.#ended && this.#consumer !== UNWANTED) {
      // It has ended when a subscriber of a channel, say, has closed on the way here.
      const cost = costOf(data, byteLength)
      this.#entries ??= new Queue()
      this.#entries.push({ data, cost })
      this.#queued += cost
      if (this.#queued > this.#maxQueued) this.#owner.pauseReading()
    }
  }

  /** Whether there is no consumer, and messages are kept for the first to come. */
  get isKeeping (): boolean {
    return this.#consumer === NOBODY
  }

  /** Whether the consumer has messages to take, or may still work on the last. */
  get isBusy (): boolean {
    return this.#isTaken || (this.#hasEntries && this.#consumer >= LISTENERS)
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
    if (this.#consumer >= LISTENERS) throw new FST_ERR_WS_TWO_CONSUMERS()
    this.#consumer = ITERATOR
    return {
      next: () => this.#next(),
      return: async () => {
        if (!this.#ended) this.#owner.loopLeft()
        this.discard()
        this.#isTaken = false
        this.#owner.onConsumed()
        return DONE
      }
    }
  }

  /** If there is still no consumer, none will come: discards what waits, and what comes. */
  disclaim (): void {
    if (this.#consumer !== NOBODY) return
    this.#consumer = UNWANTED
    this.#forget()
    this.#owner.resumeReading()
  }

  /** No message will come any more; those that wait are still delivered. */
  end (): void {
    this.#ended = true
    this.#direct = false
    if (!this.#hasEntries) this.#resolve(DONE)
  }

  /** The connection was closed from this side: nobody wants what waits. */
  discard (): void {
    this.#forget()
    this.end()
  }

  takeTurn (): void {
    if (this.#consumer === LISTENERS) {
      this.#deliverQueue()
    } else if (this.#waiter !== null) {
      const message = this.#nextMessage()
      if (message !== REFUSED) {
        this.#hand(message)
      } else if (this.#ended && !this.#hasEntries) {
        this.#resolve(DONE)
        this.#owner.onConsumed()
      }
    }
  }

  #deliverQueue (): void {
    // A listener may be the last one, or may close the connection.
    while (this.#consumer === LISTENERS && !this.#direct) {
      if (!this.#hasEntries) {
        this.#direct = !this.#ended
        this.#owner.resumeReading()
        this.#owner.onConsumed()
        return
      }
      const message = this.#take()
      if (message !== REFUSED) this.#owner.emitMessage(message)
      if (this.#mustWait()) return
    }
  }

  #next (): Promise<IteratorResult<any, undefined>> {
    if (this.#waiter !== null) return Promise.reject(new FST_ERR_WS_TWO_CONSUMERS())
    this.#isTaken = false
    if (!this.#mustWait()) {
      this.#waiter = ASKING
      const message = this.#nextMessage()
      this.#waiter = null
      if (message !== REFUSED) {
        this.#isTaken = true
        return Promise.resolve({ done: false, value: message })
      }
    }
    if (this.#ended && !this.#hasEntries) {
      this.#owner.onConsumed()
      return Promise.resolve(DONE)
    }
    return new Promise(resolve => { this.#waiter = { resolve } })
  }

  /** The next message that the route takes; REFUSED: none is there, or it has to wait for its turn. */
  #nextMessage (): unknown {
    while (this.#hasEntries) {
      const message = this.#take()
      if (this.#queued <= this.#maxQueued / 2) this.#owner.resumeReading()
      if (message !== REFUSED || this.#mustWait()) return message
    }
    return REFUSED
  }

  get #hasEntries (): boolean {
    return this.#entries !== null && this.#entries.length > 0
  }

  /** Of entries that are there. */
  #take (): unknown {
    const { data, cost } = this.#entries!.shift()!
    this.#queued -= cost
    this.#allowance -= workOf(cost)
    return this.#owner.decodeMessage(data)
  }

  /** Whether what is left has to wait for another turn; if so, it does. */
  #mustWait (): boolean {
    if (this.#allowance > 0 || !this.#hasEntries) return false
    this.#allowance = ALLOWANCE
    if (!turn.isOver) return false
    turn.wait(this)
    return true
  }

  #hand (message: unknown): void {
    this.#isTaken = true
    this.#resolve({ done: false, value: message })
  }

  #forget (): void {
    this.#entries = null
    this.#queued = 0
  }

  #resolve (result: IteratorResult<any, undefined>): void {
    const waiter = this.#waiter
    this.#waiter = null
    waiter?.resolve(result)
  }
}

function costOf (data: string | Buffer, byteLength: number): number {
  if (typeof data !== 'string') return byteLength + BINARY_COST
  // Text that is not ASCII may be kept with two bytes for each character.
  return (byteLength === data.length ? byteLength : Math.max(byteLength, data.length * 2)) + TEXT_COST
}
