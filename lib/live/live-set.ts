import type { Socket, SocketSet } from '../../types/socket.ts'
import { PreparedMessage } from '../socket/prepared-message.ts'
import type { Observer } from './life.ts'
import type { LiveSocket } from './live-socket.ts'
import { Stats } from './stats.ts'

/** The open and closing sockets of a scope. */
export class LiveSet implements Observer {
  readonly stats = new Stats()
  readonly #sockets = new Set<LiveSocket>()

  get size (): number {
    return this.#sockets.size
  }

  opened (socket: LiveSocket): void {
    this.#sockets.add(socket)
  }

  closed (socket: LiveSocket): void {
    this.#sockets.delete(socket)
  }

  [Symbol.iterator] (): Iterator<LiveSocket> {
    return this.#sockets.values()
  }
}

/** What `app.sockets` tells of a live set. Its methods do not need `this`. */
export function publicSet (live: LiveSet): Pick<SocketSet, 'size' | 'prepare' | typeof Symbol.iterator> {
  return {
    get size () { return live.size },
    [Symbol.iterator]: () => publicSockets(live),
    prepare: value => new PreparedMessage(value) as any
  }
}

function * publicSockets (live: LiveSet): Generator<Socket<any, any>, undefined> {
  for (const socket of live) yield socket.public
}
