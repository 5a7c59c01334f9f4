import type { BackplaneDriver, OutgoingMessage, Retention } from '../../types/backplane.ts'
import { Gate } from './gate.ts'

/** What may be under way to the engine: publishers that do not wait for it are refused beyond that. */
const MOST_MESSAGES = 20_000
const MOST_BYTES = 64 * 1024 * 1024

/** A message on its way to the engine. */
class Departure implements OutgoingMessage {
  readonly topic: string
  readonly bytes: Uint8Array
  readonly retention: Retention | null
  readonly id: string | null
  readonly #outgoing: Outgoing
  readonly #resolve: (at: string) => void
  readonly #reject: (error: Error) => void

  constructor (
    outgoing: Outgoing, topic: string, bytes: Uint8Array, retention: Retention | null, id: string | null,
    resolve: (at: string) => void, reject: (error: Error) => void
  ) {
    this.#outgoing = outgoing
    this.topic = topic
    this.bytes = bytes
    this.retention = retention
    this.id = id
    this.#resolve = resolve
    this.#reject = reject
  }

  done (at: string): void {
    this.#outgoing.arrived(this)
    this.#resolve(at)
  }

  failed (error: Error): void {
    this.#outgoing.arrived(this)
    this.#reject(error)
  }
}

/** What this process publishes: gathered until the end of the turn, so that the engine is asked once for all of it. */
export class Outgoing {
  readonly #driver: BackplaneDriver
  /** Open while nothing is under way. */
  readonly #idle = new Gate()
  #gathered: Departure[] = []
  #messages = 0
  #bytes = 0

  constructor (driver: BackplaneDriver) {
    this.#driver = driver
    this.#idle.open()
  }

  /** Resolves when all that was published has been answered. */
  async settled (): Promise<void> {
    await this.#idle.wait(null)
  }

  /** Whether so much is under way that nothing more may be. */
  get isFull (): boolean {
    return this.#messages >= MOST_MESSAGES || this.#bytes >= MOST_BYTES
  }

  /** Resolves with the position of the message; '' without a retention. */
  add (topic: string, bytes: Uint8Array, retention: Retention | null, id: string | null): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#idle.close()
      this.#messages++
      this.#bytes += bytes.length
      this.#gathered.push(new Departure(this, topic, bytes, retention, id, resolve, reject))
      if (this.#gathered.length === 1) setImmediate(() => this.#depart())
    })
  }

  /** It is under way no longer. */
  arrived ({ bytes }: Departure): void {
    this.#messages--
    this.#bytes -= bytes.length
    if (this.#messages === 0) this.#idle.open()
  }

  #depart (): void {
    const gathered = this.#gathered
    this.#gathered = []
    this.#driver.publish(gathered)
  }
}
