import { CloseCode } from '../contract/close-code.ts'
import type { LiveSocket } from './live-socket.ts'
import type { Scope } from './scope.ts'

/** Ends a scope: closes its connections, then waits for its handlers, all within one deadline. */
export class Drain {
  readonly #scope: Scope
  readonly #deadline: NodeJS.Timeout
  readonly #isOver: Promise<void>

  /** Starts the deadline. */
  constructor (scope: Scope) {
    this.#scope = scope
    let over!: () => void
    this.#isOver = new Promise(resolve => { over = resolve })
    this.#deadline = setTimeout(() => {
      for (const socket of scope.live) socket.abandon()
      scope.unfinished.abandon()
      over()
    }, scope.drain.timeout)
  }

  /** Closes the connections in batches; those that are left at the deadline are cut. */
  async close (): Promise<void> {
    const { live, drain: { batch, interval, timeout } } = this.#scope
    const sockets = [...live]
    const pause = Math.min(interval, timeout / 2 / Math.ceil(sockets.length / batch))
    // The other half is for the closing handshakes.
    const hurry = setTimeout(() => [...live].forEach(closeForShutdown), timeout / 2)
    for (let told = 0; told < sockets.length && live.size > 0; told += batch) {
      // The last batch may have taken longer than the pause: the immediate makes sure that sockets are read in between.
      if (told > 0) await new Promise(resolve => { setTimeout(() => setImmediate(resolve), pause) })
      for (const socket of sockets.slice(told, told + batch)) void tell(socket)
    }
    while (live.size > 0) await Promise.all(Array.from(live, socket => socket.closed))
    clearTimeout(hurry)
  }

  /** Waits for the handlers, loops and listeners of closed sockets, but not beyond the deadline. */
  async finish (): Promise<void> {
    await Promise.race([this.#scope.unfinished.finished(), this.#isOver])
    clearTimeout(this.#deadline)
  }
}

/** Tells the client that this server is going away (RFC 6455 §7.4.1). */
export function closeForShutdown (socket: LiveSocket): void {
  socket.closeGently(CloseCode.GOING_AWAY, 'the server is shutting down')
}

async function tell (socket: LiveSocket): Promise<void> {
  if (socket.state === 'open') await socket.behaviour.onDrain(socket)
  closeForShutdown(socket)
}
