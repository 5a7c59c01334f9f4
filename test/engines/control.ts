import type { Entry, Order } from './node.ts'
import { Wire, type WireOwner } from './wire.ts'

/** A client that tells a node what to do, in its own socket. */
export class Control implements WireOwner {
  readonly #wire: Wire
  readonly #waiting = new Map<number, (error: string | null) => void>()
  readonly #onEntry: (entry: Entry) => void
  #orders = 0

  /** @param onEntry is told of what comes from topics */
  constructor (port: number, onEntry: (entry: Entry) => void) {
    this.#onEntry = onEntry
    this.#wire = new Wire(port, '/control', this)
  }

  /** @param id of what is published: the `n` of the entry */
  async tell (order: Omit<Order, 'id'>, id = this.#orders++): Promise<void> {
    const error = await new Promise<string | null>(resolve => {
      this.#waiting.set(id, resolve)
      this.#wire.send(JSON.stringify({ ...order, id } satisfies Order))
    })
    if (error !== null) throw new Error(error)
  }

  close (): void {
    this.#wire.cut()
  }

  onText (text: string): void {
    const message = JSON.parse(text)
    if (message.done === undefined) return this.#onEntry(message)
    this.#waiting.get(message.done)!(message.error)
    this.#waiting.delete(message.done)
  }

  onEnd (): void {
    for (const resolve of this.#waiting.values()) resolve('the connection has ended')
  }
}
