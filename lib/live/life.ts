import type { CloseInfo } from '../contract/socket.ts'
import type { LiveSocket, Request } from './live-socket.ts'

/**
 * Follows every handshake and every socket of a route. What is to know of them, or to keep something for each, is one of
 * these: a file of its own, and a line where the route is made. None of its methods may throw.
 */
export interface Observer {
  /** A handshake begins, before any hook of the app. */
  began? (request: Request): void
  /** It has ended without a connection; the status is null if the client left before there was one. */
  refused? (request: Request, statusCode: number | null): void
  /** It has led to a connection; the handler is called next. */
  opened? (socket: LiveSocket): void
  /** The connection has ended, after so many milliseconds; listeners are told next. */
  closed? (socket: LiveSocket, info: CloseInfo, duration: number): void
}

type Stage<Name extends keyof Observer> = ReadonlyArray<Required<Pick<Observer, Name>>>

/** The life of a route's sockets: who follows it, in order, found once when the app boots. */
export class Life implements Required<Observer> {
  readonly #began: Stage<'began'>
  readonly #refused: Stage<'refused'>
  readonly #opened: Stage<'opened'>
  readonly #closed: Stage<'closed'>

  /** @param observers null: one that the route has no use for */
  constructor (observers: ReadonlyArray<Observer | null>) {
    this.#began = stage(observers, 'began')
    this.#refused = stage(observers, 'refused')
    this.#opened = stage(observers, 'opened')
    this.#closed = stage(observers, 'closed')
  }

  began (request: Request): void {
    for (const observer of this.#began) observer.began(request)
  }

  refused (request: Request, statusCode: number | null): void {
    for (const observer of this.#refused) observer.refused(request, statusCode)
  }

  opened (socket: LiveSocket): void {
    for (const observer of this.#opened) observer.opened(socket)
  }

  closed (socket: LiveSocket, info: CloseInfo, duration: number): void {
    for (const observer of this.#closed) observer.closed(socket, info, duration)
  }
}

function stage<Name extends keyof Observer> (observers: ReadonlyArray<Observer | null>, name: Name): Stage<Name> {
  return observers.filter(observer => observer !== null && observer[name] !== undefined) as unknown as Stage<Name>
}
