import type { Keys } from './keys.ts'
import { PARTITIONS } from './keys.ts'
import { UniqueTexts } from './position.ts'

/** What pings are sent by. */
export interface PingSender {
  /** The server of each partition. */
  serverOf (partition: number): string
  /** Sends a message to a channel of this process. Resolves when the server has got it. */
  ping (partition: number, channel: string, message: string): Promise<void>
  /** Rejects if it takes too long. */
  announced (arrival: Promise<void>): Promise<void>
}

/** Messages of a process to itself, to each of the servers, and how long they take from there to the subscribed connection. */
export class Pings {
  readonly #sender: PingSender
  readonly #keys: Keys
  readonly #node: string
  readonly #texts = new UniqueTexts()
  /** Those under way: when they were sent, and whom to tell when they arrive. */
  readonly #sent = new Map<string, { at: number, arrive: () => void }>()
  #channels = new Map<string, number>()
  #lag = 0

  constructor (sender: PingSender, keys: Keys, node: string) {
    this.#sender = sender
    this.#keys = keys
    this.#node = node
  }

  /** Of the last ping, or of one that is taking longer. */
  get lag (): number {
    const [oldest] = this.#sent.values()
    return oldest === undefined ? this.#lag : Math.max(this.#lag, performance.now() - oldest.at)
  }

  /** Looks which servers there are. What has to be subscribed to: one channel for each, with its partition. */
  begin (): Map<string, number> {
    const partitions = new Map<string, number>()
    for (let partition = 0; partition < PARTITIONS; partition++) partitions.set(this.#sender.serverOf(partition), partition)
    this.#channels = new Map([...partitions.values()].map(partition => [this.#keys.ping(this.#node, partition), partition]))
    return this.#channels
  }

  has (channel: string): boolean {
    return this.#channels.has(channel)
  }

  /** Sends one to each server. Resolves when all have arrived. */
  async send (): Promise<void> {
    const lags = await Promise.all([...this.#channels].map(([channel, partition]) => this.#send(channel, partition)))
    this.#lag = Math.max(...lags)
  }

  /** A message of one of the channels. */
  onMessage (message: string): void {
    this.#sent.get(message)?.arrive()
  }

  async #send (channel: string, partition: number): Promise<number> {
    const message = this.#texts.next()
    const at = performance.now()
    let lag = 0
    const arrival = new Promise<void>(resolve => {
      this.#sent.set(message, { at, arrive: () => {
        lag = performance.now() - at
        resolve()
      } })
    })
    try {
      await Promise.all([this.#sender.announced(arrival), this.#sender.ping(partition, channel, message)])
    } finally {
      this.#sent.delete(message)
    }
    return lag
  }
}
