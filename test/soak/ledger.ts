import type { CloseInfo, Socket } from 'fastify-sockets'
import { append, type Runs } from './runs.ts'

/** What the server knows of one connection. */
export interface Entry {
  id: number
  /** The numbers of the messages that its handler got. */
  received: Runs
  /** How and when it ended; more than once would be a fault. */
  ends: Array<CloseInfo & { at: number }>
}

/** What a server's handlers have seen, by the id of the client. */
export class Ledger {
  /** Sockets and requests that have not been collected. */
  held = 0
  #entries: Entry[] = []
  readonly #registry = new FinalizationRegistry(() => { this.held-- })

  /** A handler has been called. Returns what notes the number of a message. */
  open (id: number, socket: Socket<any, any>): (n: number) => void {
    const entry: Entry = { id, received: [], ends: [] }
    this.#entries.push(entry)
    socket.on('close', info => { entry.ends.push({ ...info, at: Date.now() }) })
    this.watch(socket)
    return n => append(entry.received, n)
  }

  /** It is to be collected when it has ended. */
  watch (socket: Socket<any, any>): void {
    for (const one of [socket, socket.request]) this.#registry.register(one, undefined)
    this.held += 2
  }

  /** Hands out all that has been noted, and forgets it. */
  take (): Entry[] {
    const entries = this.#entries
    this.#entries = []
    return entries
  }
}
