import type { SocketOptions } from '../../types/options.ts'
import type { SocketSet, SocketStats } from '../../types/socket.ts'
import { Heartbeat } from '../connection/heartbeat.ts'
import type { RouteSocket } from './route-socket.ts'

/** What one registration of the plugin holds: its options and the live sockets of the routes it serves. */
export class Scope {
  readonly options: SocketOptions
  readonly sockets = new Set<RouteSocket>()
  readonly heartbeat = new Heartbeat(this.sockets)
  /** The server is shutting down: no socket is opened any more. */
  closing = false
  /** `app.sockets`. */
  readonly view: SocketSet

  readonly #ended = { closed: 0, messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0 }

  constructor (options: SocketOptions) {
    this.options = options
    const { sockets } = this
    this.view = {
      get size () { return sockets.size },
      [Symbol.iterator]: () => sockets.values() as Iterator<any>,
      stats: () => this.#stats()
    }
  }

  add (socket: RouteSocket): void {
    this.sockets.add(socket)
    this.heartbeat.wake()
  }

  remove (socket: RouteSocket): void {
    this.sockets.delete(socket)
    const { connection } = socket
    this.#ended.closed++
    this.#ended.messagesIn += connection.messagesIn
    this.#ended.messagesOut += connection.messagesOut
    this.#ended.bytesIn += connection.bytesIn
    this.#ended.bytesOut += connection.bytesOut
  }

  #stats (): SocketStats {
    const open = this.sockets.size
    const stats = { open, opened: this.#ended.closed + open, ...this.#ended }
    for (const { connection } of this.sockets) {
      stats.messagesIn += connection.messagesIn
      stats.messagesOut += connection.messagesOut
      stats.bytesIn += connection.bytesIn
      stats.bytesOut += connection.bytesOut
    }
    return stats
  }
}
