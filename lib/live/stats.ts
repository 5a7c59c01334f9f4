import type { SocketFigures, SocketStats } from '../../types/socket.ts'
import type { Observer } from './life.ts'
import type { LiveSocket } from './live-socket.ts'

/** Counts the refused handshakes and ended connections of a route. */
export class RouteStats implements Observer {
  readonly #ended = nothing()

  refused (): void {
    this.#ended.refused++
  }

  closed (socket: LiveSocket): void {
    this.#ended.opened++
    this.#ended.closed++
    include(this.#ended, socket)
  }

  /** The figures without the connections that are open. */
  figures (): SocketFigures {
    return { ...this.#ended }
  }
}

/** The figures of a scope: `app.sockets.stats()`. */
export class Stats {
  readonly #routes = new Map<string, RouteStats>()

  /** The figures of a route; routes with the same URL share them. */
  of (url: string): RouteStats {
    const stats = this.#routes.get(url) ?? new RouteStats()
    this.#routes.set(url, stats)
    return stats
  }

  /** @param open the sockets that have not ended */
  figures (open: Iterable<LiveSocket>): Omit<SocketStats, 'topics'> {
    const routes = Object.fromEntries(Array.from(this.#routes, ([url, stats]) => [url, stats.figures()]))
    for (const socket of open) includeOpen(routes[socket.route]!, socket)
    return { ...sum(Object.values(routes)), routes }
  }
}

function nothing (): SocketFigures {
  return {
    open: 0, paused: 0, bufferedAmount: 0, opened: 0, refused: 0, closed: 0,
    messagesIn: 0, messagesOut: 0, dropped: 0, bytesIn: 0, bytesOut: 0
  }
}

function includeOpen (figures: SocketFigures, socket: LiveSocket): void {
  figures.open++
  figures.opened++
  if (socket.connection.isPaused) figures.paused++
  figures.bufferedAmount += socket.bufferedAmount
  include(figures, socket)
}

function include (figures: SocketFigures, { connection, dropped }: LiveSocket): void {
  figures.messagesIn += connection.messagesIn
  figures.messagesOut += connection.messagesOut
  figures.dropped += dropped
  figures.bytesIn += connection.bytesIn
  figures.bytesOut += connection.bytesOut
}

function sum (all: SocketFigures[]): SocketFigures {
  const total = nothing()
  for (const figures of all) {
    for (const name of Object.keys(total) as Array<keyof SocketFigures>) total[name] += figures[name]
  }
  return total
}
