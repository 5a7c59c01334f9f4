import Queue from 'denque'
import { FST_ERR_WS_NOT_OPEN } from '../errors.ts'

interface PendingPing {
  sentAt: number
  resolve (milliseconds: number): void
  reject (error: Error): void
}

/** Keeps a rejection that nobody waits for from being reported as unhandled. */
export function handled<T> (promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

/** Length of a ping's id, in bytes. The pings of the heartbeat are empty, so they have none. */
const ID_LENGTH = 4

/** Pings whose pong has not come yet. */
export class Pings {
  /** Their ids are consecutive and end with `#lastId`. */
  readonly #pending = new Queue<PendingPing>()
  #lastId = 0

  /** The payload of a new ping, and the promise of its round trip in milliseconds. */
  create (): { payload: Buffer, roundTrip: Promise<number> } {
    const id = this.#lastId = (this.#lastId + 1) >>> 0
    const payload = Buffer.allocUnsafe(ID_LENGTH)
    payload.writeUInt32BE(id)
    const roundTrip = new Promise<number>((resolve, reject) => {
      this.#pending.push({ sentAt: performance.now(), resolve, reject })
    })
    return { payload, roundTrip: handled(roundTrip) }
  }

  /** A pong answers its ping and all earlier ones, which a peer may skip (RFC 6455 §5.5.3). */
  settle (payload: Buffer): void {
    if (payload.length !== ID_LENGTH) return
    const newer = (this.#lastId - payload.readUInt32BE()) >>> 0
    const now = performance.now()
    while (this.#pending.length > newer) {
      const { sentAt, resolve } = this.#pending.shift()!
      resolve(now - sentAt)
    }
  }

  /** The connection has ended. */
  reject (): void {
    while (this.#pending.length > 0) this.#pending.shift()!.reject(new FST_ERR_WS_NOT_OPEN('ping()'))
  }
}
