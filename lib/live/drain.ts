import { CloseCode } from '../contract/close-code.ts'
import type { LiveSocket } from './live-socket.ts'
import type { Scope } from './scope.ts'

/** Ends a scope: its connections, and then what its handlers still do, both before one deadline. */
export class Drain {
  readonly #scope: Scope
  readonly #deadline: NodeJS.Timeout
  readonly #isOver: Promise<void>

  /** The time that it may take begins. */
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

  /** Tells each client in its turn; what is left at the deadline is cut. */
  async close (): Promise<void> {
    const { live, drain: { batch, interval, timeout } } = this.#scope
    const sockets = [...live]
    const pause = Math.min(interval, timeout / 2 / Math.ceil(sockets.length / batch))
    // The other half is for the closing handshakes.
    const hurry = setTimeout(() => [...live].forEach(closeForShutdown), timeout / 2)
    for (let told = 0; told < sockets.length && live.size > 0; told += batch) {
      // What the last batch took may be longer than the pause: what has come in the meantime is read in any case.
      if (told > 0) await new Promise(resolve => { setTimeout(() => setImmediate(resolve), pause) })
      for (const socket of sockets.slice(told, told + batch)) void tell(socket)
    }
    while (live.size > 0) await Promise.all(Array.from(live, socket => socket.closed))
    clearTimeout(hurry)
  }

  /** Waits for handlers, loops and listeners of what has closed; what runs at the deadline is not waited for. */
  async finish (): Promise<void> {
    await Promise.race([this.#scope.unfinished.finished(), this.#isOver])
    clearTimeout(this.#deadline)
  }
}

/** Tells the client that this server goes away (RFC 6455 §7.4.1). */
export function closeForShutdown (socket: LiveSocket): void {
  socket.closeGently(CloseCode.GOING_AWAY, 'the server is shutting down')
}

async function tell (socket: LiveSocket): Promise<void> {
  if (socket.state === 'open') await socket.behaviour.onDrain(socket)
  closeForShutdown(socket)
}
