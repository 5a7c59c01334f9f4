import Queue from 'denque'
import { turn, type TurnTaker } from '../connection/turn.ts'
import { FST_ERR_WS_TWO_CONSUMERS } from '../errors.ts'
import { ALLOWANCE, workOf } from '../protocol/work.ts'

/** Stands for a message that was refused. */
export const REFUSED = Symbol('refused')

/** What an inbox controls: whether the connection is read, and where its messages go. */
export interface InboxOwner {
  pauseReading (): void
  resumeReading (): void
  /**
   * Decodes a message whose turn has come. REFUSED: the owner has dealt with it, and may have closed the connection.
   */
  decodeMessage (data: string | Buffer): unknown
  /** Hands a message to the listeners. */
  emitMessage (message: unknown): void
  /** The consumer left its loop while the connection was open. */
  loopLeft (): void
  /** No more messages will come, and the consumer is done with the last one. */
  onConsumed (): void
}

/**
 * Bytes of memory that a waiting message costs besides its payload. Uncounted, small messages could be queued without
 * limit. Node 20 to 26: text 79 to 100, binary 176 to 288.
 */
const TEXT_COST = 100
const BINARY_COST = 300

interface Entry {
  /** Kept as it came: parsed JSON takes up to thirty times the memory. */
  data: string | Buffer
  cost: number
}

interface Waiter {
  resolve (result: IteratorResult<any, undefined>): void
}

/** There is no consumer at the moment: messages wait for the next one. */
const NOBODY = 0
/** No consumer is expected: messages are discarded until there is one. */
const UNWANTED = 1
const LISTENERS = 2
const ITERATOR = 3

/** Stands for a `next()` that is decoding its message: a second call in the meantime is refused. */
const ASKING: Waiter = { resolve () {} }

const DONE: IteratorResult<any, undefined> = { done: true, value: undefined }

/**
 * Messages on their way to the one consumer: the `message` listeners or an iterator. Until there is one, and while an
 * iterator is busy, they wait in order; above `maxQueued`, reading pauses. A message is parsed and validated only when its
 * turn has come, so that a refusal keeps its place in the order.
 */
export class Inbox implements TurnTaker {
  readonly #owner: InboxOwner
  readonly #maxQueued: number

  #consumer: typeof NOBODY | typeof UNWANTED | typeof LISTENERS | typeof ITERATOR = NOBODY
  /** Created for the first message that has to wait. */
  #entries: Queue<Entry> | null = null
  #queued = 0
  #waiter: Waiter | null = null
  /** Whether the iterator is still working on the message that it was given. */
  #isTaken = false
  /** Listeners get each message at once: nothing waits ahead of it. */
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
      // It may have ended on the way here: a subscriber of a diagnostics channel can close the socket.
      const cost = costOf(data, byteLength)
      this.#entries ??= new Queue()
      this.#entries.push({ data, cost })
      this.#queued += cost
      if (this.#queued > this.#maxQueued) this.#owner.pauseReading()
    }
  }

  /** Whether messages are kept for a consumer that has yet to come. */
  get isKeeping (): boolean {
    return this.#consumer === NOBODY
  }

  /** Whether the consumer is working on a message, or has more to take. */
  get isBusy (): boolean {
    return this.#isTaken || (this.#hasEntries && this.#consumer >= LISTENERS)
  }

  /** A `message` listener was added. @throws {FST_ERR_WS_TWO_CONSUMERS} */
  listen (): void {
    if (this.#consumer === ITERATOR) throw new FST_ERR_WS_TWO_CONSUMERS()
    if (this.#consumer === LISTENERS) return
    this.#consumer = LISTENERS
    // The code that adds this listener may first add others.
    queueMicrotask(() => this.#deliverQueue())
  }

  /** The last `message` listener was removed: messages wait for the next one. */
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

  /** If there is no consumer by now, none will come: discards the messages that wait, and those to come. */
  disclaim (): void {
    if (this.#consumer !== NOBODY) return
    this.#consumer = UNWANTED
    this.#forget()
    this.#owner.resumeReading()
  }

  /** No more messages will come. Those that wait are still delivered. */
  end (): void {
    this.#ended = true
    this.#direct = false
    if (!this.#hasEntries) this.#resolve(DONE)
  }

  /** The connection was closed from this side: nobody wants the messages that wait. */
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
    // A listener may remove the last listener, or close the connection.
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

  /** The next message that is not refused. REFUSED: there is none, or it must wait for a turn. */
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

  /** Decodes the first entry; there must be one. */
  #take (): unknown {
    const { data, cost } = this.#entries!.shift()!
    this.#queued -= cost
    this.#allowance -= workOf(cost)
    return this.#owner.decodeMessage(data)
  }

  /** Gives way to other connections if this turn is over. Returns whether it does. */
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
  // V8 may keep text that is not ASCII with two bytes for each character.
  return (byteLength === data.length ? byteLength : Math.max(byteLength, data.length * 2)) + TEXT_COST
}
