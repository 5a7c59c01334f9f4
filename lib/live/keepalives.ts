import { Keepalive, type KeepaliveOptions } from '../connection/keepalive.ts'
import type { TimerWheel } from '../connection/timer-wheel.ts'
import type { Observer } from './life.ts'
import type { LiveSocket } from './live-socket.ts'

/** Runs the keepalive of every connection of a route: heartbeat, `idleTimeout` and `maxLifetime`. */
export class Keepalives implements Observer {
  readonly #wheel: TimerWheel
  readonly #options: KeepaliveOptions
  readonly #running = new Map<LiveSocket, Keepalive>()

  constructor (wheel: TimerWheel, options: KeepaliveOptions) {
    this.#wheel = wheel
    this.#options = options
    const { heartbeat, idleTimeout, maxLifetime } = options
    for (const delay of [heartbeat?.interval, heartbeat?.timeout, idleTimeout, maxLifetime]) if (delay) wheel.serve(delay)
  }

  opened (socket: LiveSocket): void {
    this.#running.set(socket, new Keepalive(this.#wheel, socket, this.#options))
  }

  closed (socket: LiveSocket): void {
    this.#running.get(socket)!.stop()
    this.#running.delete(socket)
  }
}
