import { fault } from '../contract/fault.ts'

interface Waiting {
  readonly message: unknown
  readonly cost: number
  next?: Waiting
}

export interface InboxOwner {
  /** To the `message` listeners. */
  deliver (message: unknown): void
  /** Fewer bytes wait than before. */
  onConsumed (): void
  /** The loop was left. */
  onLeft (): void
}

/** Messages on their way to the consumer: the listeners or the one iterator. */
export interface Inbox {
  /** What the messages that wait cost, in bytes. */
  bytes (): number
  put (message: unknown, cost: number): void
  /** There are listeners. @throws {FST_ERR_WS_CLIENT_CONSUMERS} */
  listen (): void
  /** There are no more listeners. */
  unlisten (): void
  /** @throws {FST_ERR_WS_CLIENT_CONSUMERS} */
  iterate (): AsyncIterator<any, undefined>
  /** Nothing more will come; what waits is still delivered. */
  end (): void
  /** Nothing more will be delivered. */
  discard (): void
}

export function createInbox ({ deliver, onConsumed, onLeft }: InboxOwner): Inbox {
  let consumer: 'listeners' | 'iterator' | undefined
  let isEnded = false
  let bytes = 0
  let first: Waiting | undefined
  let last: Waiting | undefined
  const waiters: Array<(result: IteratorResult<any, undefined>) => void> = []

  function pump (): void {
    while (first && (consumer === 'listeners' || waiters.length > 0)) {
      const { message, cost, next } = first
      first = next
      bytes -= cost
      if (consumer === 'listeners') deliver(message)
      else waiters.shift()!({ done: false, value: message })
      onConsumed()
    }
    if (isEnded) for (const waiter of waiters.splice(0)) waiter({ done: true, value: undefined })
  }

  function take (by: typeof consumer, isFree: boolean): void {
    if (!isFree) throw fault('FST_ERR_WS_CLIENT_CONSUMERS', 'two consumers')
    consumer = by
  }

  function end (): void {
    isEnded = true
    pump()
  }

  return {
    bytes: () => bytes,
    put (message, cost) {
      if (isEnded) return
      const waiting = { message, cost }
      last = first ? last!.next = waiting : first = waiting
      bytes += cost
      pump()
    },
    listen () {
      take('listeners', consumer !== 'iterator')
      // Not from within the call that adds the listener.
      queueMicrotask(pump)
    },
    unlisten () {
      if (consumer === 'listeners') consumer = undefined
    },
    iterate () {
      take('iterator', !consumer)
      return {
        next: () => new Promise(resolve => {
          waiters.push(resolve)
          pump()
        }),
        async return () {
          onLeft()
          return { done: true, value: undefined }
        }
      }
    },
    end,
    discard () {
      first = undefined
      bytes = 0
      end()
    }
  }
}
