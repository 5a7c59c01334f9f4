import type { Observer } from './life.ts'
import type { LiveSocket } from './live-socket.ts'

/**
 * Closed sockets whose handlers, loops or listeners still run. They are held weakly: a handler may wait forever for a client
 * that has left, and must not keep its socket alive. Once the socket is collected, nobody waits for its handler any more.
 */
export class Unfinished implements Observer {
  /** Sockets that closed in this turn: most handlers end as soon as they hear of it. */
  readonly #closed = new Set<LiveSocket>()
  readonly #sockets = new Set<WeakRef<LiveSocket>>()
  readonly #collected = new FinalizationRegistry<WeakRef<LiveSocket>>(held => this.#delete(held))
  #onEmpty: (() => void) | null = null

  get size (): number {
    return this.#closed.size + this.#sockets.size
  }

  closed (socket: LiveSocket): void {
    if (this.#closed.size === 0) setImmediate(() => this.#sort())
    this.#closed.add(socket)
  }

  /** Resolves when there are none left. */
  finished (): Promise<void> {
    return new Promise(resolve => {
      this.#onEmpty = resolve
      this.#tell()
    })
  }

  /** Discards the messages that still wait for these handlers. */
  abandon (): void {
    const held = Array.from(this.#sockets, socket => socket.deref())
    for (const socket of [...this.#closed, ...held.filter(socket => socket !== undefined)]) socket.abandon()
  }

  /** Keeps those sockets of this turn whose handlers still run. */
  #sort (): void {
    for (const socket of this.#closed) if (socket.isBusy) this.#hold(socket)
    this.#closed.clear()
    this.#tell()
  }

  #hold (socket: LiveSocket): void {
    const held = new WeakRef(socket)
    this.#sockets.add(held)
    this.#collected.register(socket, held)
    socket.onFinished = () => this.#delete(held)
  }

  #delete (held: WeakRef<LiveSocket>): void {
    this.#sockets.delete(held)
    this.#tell()
  }

  #tell (): void {
    if (this.size === 0) this.#onEmpty?.()
  }
}
