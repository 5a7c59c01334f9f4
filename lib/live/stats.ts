import type { SocketFigures } from '../../types/socket.ts'
import type { RouteSocket } from './live-socket.ts'

/** Counts what has been on a route. */
export class Tally {
  refused = 0
  readonly #ended = nothing()

  /** A connection has ended. */
  end (socket: RouteSocket): void {
    this.#ended.opened++
    this.#ended.closed++
    include(this.#ended, socket)
  }

  /** The figures without the connections that are open. */
  figures (): SocketFigures {
    return { ...this.#ended, refused: this.refused }
  }
}

export function nothing (): SocketFigures {
  return {
    open: 0, paused: 0, bufferedAmount: 0, opened: 0, refused: 0, closed: 0,
    messagesIn: 0, messagesOut: 0, dropped: 0, bytesIn: 0, bytesOut: 0
  }
}

/** Adds a connection that has not ended. */
export function includeOpen (figures: SocketFigures, socket: RouteSocket): void {
  figures.open++
  figures.opened++
  if (socket.connection.isPaused) figures.paused++
  figures.bufferedAmount += socket.bufferedAmount
  include(figures, socket)
}

export function sum (all: SocketFigures[]): SocketFigures {
  const total = nothing()
  for (const figures of all) {
    for (const name of Object.keys(total) as Array<keyof SocketFigures>) total[name] += figures[name]
  }
  return total
}

function include (figures: SocketFigures, { connection, dropped }: RouteSocket): void {
  figures.messagesIn += connection.messagesIn
  figures.messagesOut += connection.messagesOut
  figures.dropped += dropped
  figures.bytesIn += connection.bytesIn
  figures.bytesOut += connection.bytesOut
}
