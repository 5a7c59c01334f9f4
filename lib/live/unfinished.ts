import type { RouteSocket } from './live-socket.ts'

/**
 * Sockets that have closed, and whose handlers, loops or listeners still run. They are held weakly: what waits for something
 * that never comes, from a client that has left, must not keep its socket for ever. Nor is it waited for then.
 */
export class Unfinished {
  /** Closed in this turn: most handlers end when they have been told. */
  readonly #closed = new Set<RouteSocket>()
  readonly #sockets = new Set<WeakRef<RouteSocket>>()
  readonly #collected = new FinalizationRegistry<WeakRef<RouteSocket>>(held => this.#delete(held))
  #onEmpty: (() => void) | null = null

  get size (): number {
    return this.#closed.size + this.#sockets.size
  }

  /** Until it finishes, or nothing refers to it any more. */
  add (socket: RouteSocket): void {
    this.#closed.add(socket)
    setImmediate(() => {
      if (socket.isBusy) this.#hold(socket)
      this.#closed.delete(socket)
      this.#tell()
    })
  }

  /** Resolves when there are none. */
  finished (): Promise<void> {
    return new Promise(resolve => {
      this.#onEmpty = resolve
      this.#tell()
    })
  }

  /** Takes away the messages that still wait for them. */
  abandon (): void {
    const held = Array.from(this.#sockets, socket => socket.deref())
    for (const socket of [...this.#closed, ...held.filter(socket => socket !== undefined)]) socket.abandon()
  }

  #hold (socket: RouteSocket): void {
    const held = new WeakRef(socket)
    this.#sockets.add(held)
    this.#collected.register(socket, held)
    socket.onFinished = () => this.#delete(held)
  }

  #delete (held: WeakRef<RouteSocket>): void {
    this.#sockets.delete(held)
    this.#tell()
  }

  #tell (): void {
    if (this.size === 0) this.#onEmpty?.()
  }
}
