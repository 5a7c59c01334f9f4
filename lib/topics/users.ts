import { types } from 'node:util'
import type { UserSockets } from '../../types/socket.ts'
import { CloseCode } from '../contract/close-code.ts'
import { FST_ERR_WS_IDENTIFY } from '../errors.ts'
import type { Observer } from '../live/life.ts'
import type { LiveSocket, Request } from '../live/live-socket.ts'
import { Answer } from '../socket/answer.ts'
import { checkClose } from '../socket/check-close.ts'
import { handled } from '../socket/pings.ts'
import { PreparedMessage } from '../socket/prepared-message.ts'
import { typeName } from '../socket/type-name.ts'
import { Groups } from './groups.ts'
import type { Signal } from './signals.ts'

/** A connection of a user, from the end of the handshake's hooks. */
interface Arrival {
  readonly id: string
  /** Null until it is open. */
  socket: LiveSocket | null
  /** How it is to be closed once it is open; null: it is not. */
  close: { code: number, reason: string } | null
}

/** Sends a message to each that can take it. @throws the first failure of a serializer, when all have had their turn */
export function sendToAll (sockets: Iterable<LiveSocket>, message: unknown): void {
  const prepared = new PreparedMessage(message)
  const failures: unknown[] = []
  for (const socket of sockets) {
    try {
      socket.send(prepared)
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

/** Knows whose each connection of a scope is. */
export class Users implements Observer {
  /** Null: connections are nobody's, and nothing is kept of them. */
  readonly #identify: ((request: Request) => unknown) | null
  readonly #report: (error: unknown) => void
  /** Has something done in all processes. */
  readonly #everywhere: (signal: Signal, here: () => void) => Promise<void>
  readonly #arrivals = new Map<Request, Arrival>()
  readonly #users = new Groups<string, Arrival>()

  /**
   * @param identify the option of the plugin
   * @param report is told what fails and nobody waits for
   * @param everywhere does something here, and has it done in all other processes
   */
  constructor (
    identify: ((request: Request) => unknown) | undefined, report: (error: unknown) => void,
    everywhere: (signal: Signal, here: () => void) => Promise<void>
  ) {
    this.#identify = identify ?? null
    this.#report = report
    this.#everywhere = everywhere
  }

  /**
   * All hooks of a handshake have passed: from now on, its connection is the user's.
   *
   * @throws {FST_ERR_WS_IDENTIFY} and whatever `identify` throws
   */
  arrive (request: Request): string | null {
    if (this.#identify === null) return null
    const id = this.#identify(request)
    if (id === undefined) return null
    if (types.isPromise(id)) void handled(id)
    if (typeof id !== 'string') throw new FST_ERR_WS_IDENTIFY(typeName(id))
    const arrival = { id, socket: null, close: null }
    this.#arrivals.set(request, arrival)
    this.#users.add(id, arrival)
    return id
  }

  /** What follows the life of the sockets; null: nothing has to. */
  get observer (): Observer | null {
    return this.#identify === null ? null : this
  }

  refused (request: Request): void {
    this.#leave(request)
  }

  opened (socket: LiveSocket): void {
    const arrival = this.#arrivals.get(socket.request)
    if (arrival === undefined) return
    arrival.socket = socket
    if (arrival.close !== null) socket.close(arrival.close.code, arrival.close.reason)
  }

  closed ({ request }: LiveSocket): void {
    this.#leave(request)
  }

  of (id: string): UserSockets {
    const socketsOf = (): LiveSocket[] => this.#socketsOf(id)
    return {
      id,
      get size () { return socketsOf().length },
      [Symbol.iterator]: () => socketsOf().map(socket => socket.public).values(),
      send: message => Answer.of(() => {
        return this.#everywhere({ do: 'send', user: id, message }, () => { this.send(id, message) })
      }, this.#report),
      close: (code = CloseCode.NORMAL, reason = '') => Answer.of(async () => {
        checkClose(code, reason)
        await this.#everywhere({ do: 'close', user: id, code, reason }, () => { this.close(id, code, reason) })
      }, this.#report)
    }
  }

  /** Sends something to those who are connected to this process. @throws the first failure of a serializer */
  send (id: string, message: unknown): void {
    sendToAll(this.#socketsOf(id), message)
  }

  /** Closes those who are connected to this process, or about to be. */
  close (id: string, code: number, reason: string): void {
    for (const arrival of this.#of(id)) {
      arrival.close ??= { code, reason }
      void arrival.socket?.close(code, reason)
    }
  }

  #socketsOf (id: string): LiveSocket[] {
    return this.#of(id).flatMap(({ socket }) => socket ?? [])
  }

  #of (id: string): Arrival[] {
    return [...this.#users.get(id)]
  }

  #leave (request: Request): void {
    const arrival = this.#arrivals.get(request)
    if (arrival === undefined) return
    this.#arrivals.delete(request)
    this.#users.delete(arrival.id, arrival)
  }
}
