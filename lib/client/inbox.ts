import { fault } from '../contract/fault.ts'

export interface InboxOwner {
  /** To the `message` listeners. */
  deliver (message: unknown): void
  /** Fewer bytes wait than before. */
  onConsumed (): void
  /** The loop was left. */
  onLeft (): void
}

type Waiter = (result: IteratorResult<any, undefined>) => void

/** Messages on their way to the consumer: the listeners or the one iterator. */
export class Inbox {
  /** What the messages that wait cost, in bytes. */
  bytes = 0
  readonly #owner: InboxOwner
  #consumer: 'none' | 'listeners' | 'iterator' = 'none'
  #isEnded = false
  #queue: Array<{ message: unknown, cost: number }> = []
  /** Where the queue begins: what was taken is removed from time to time. */
  #head = 0
  #waiters: Waiter[] = []

  constructor (owner: InboxOwner) {
    this.#owner = owner
  }

  put (message: unknown, cost: number): void {
    if (this.#isEnded) return
    const waiter = this.#waiters.shift()
    if (waiter) waiter({ done: false, value: message })
    else if (this.#consumer === 'listeners' && this.bytes === 0) this.#owner.deliver(message)
    else {
      this.#queue.push({ message, cost })
      this.bytes += cost
    }
  }

  /** There are listeners. @throws {FST_ERR_WS_CLIENT_CONSUMERS} */
  listen (): void {
    if (this.#consumer === 'iterator') this.#refuse()
    this.#consumer = 'listeners'
    // Not from within the call that adds the listener.
    queueMicrotask(() => this.#flush())
  }

  /** There are no more listeners. */
  unlisten (): void {
    if (this.#consumer === 'listeners') this.#consumer = 'none'
  }

  /** @throws {FST_ERR_WS_CLIENT_CONSUMERS} */
  iterate (): AsyncIterator<any, undefined> {
    if (this.#consumer !== 'none') this.#refuse()
    this.#consumer = 'iterator'
    return {
      next: () => new Promise(resolve => {
        if (this.bytes > 0) resolve({ done: false, value: this.#take() })
        else if (this.#isEnded) resolve({ done: true, value: undefined })
        else this.#waiters.push(resolve)
      }),
      return: async () => {
        this.#owner.onLeft()
        return { done: true, value: undefined }
      }
    }
  }

  /** Nothing more will come; what waits is still delivered. */
  end (): void {
    this.#isEnded = true
    for (const waiter of this.#waiters.splice(0)) waiter({ done: true, value: undefined })
  }

  /** Nothing more will be delivered. */
  discard (): void {
    this.#queue = []
    this.#head = this.bytes = 0
    this.end()
  }

  #take (): unknown {
    const { message, cost } = this.#queue[this.#head++]!
    this.bytes -= cost
    if (this.bytes === 0) {
      this.#queue = []
      this.#head = 0
    } else if (this.#head > 1000 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
    this.#owner.onConsumed()
    return message
  }

  #flush (): void {
    while (this.#consumer === 'listeners' && this.bytes > 0) this.#owner.deliver(this.#take())
  }

  #refuse (): never {
    throw fault('FST_ERR_WS_CLIENT_CONSUMERS', "messages go either to 'message' listeners or to one iterator")
  }
}
