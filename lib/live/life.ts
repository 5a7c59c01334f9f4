import type { CloseInfo } from '../contract/socket.ts'
import type { LiveSocket, Request } from './live-socket.ts'

/**
 * Follows every handshake and every socket of a route. Whatever needs to know of them, or keeps something for each, is an
 * observer: a file of its own, and a line where the route is made. None of its methods may throw.
 */
export interface Observer {
  /** A handshake begins, before any hook of the app. */
  began? (request: Request): void
  /** The handshake has ended without a connection; the status is null if the client left before it was answered. */
  refused? (request: Request, statusCode: number | null): void
  /** The handshake has led to a connection; the handler is called next. */
  opened? (socket: LiveSocket): void
  /** The connection has ended; its listeners are told next. The duration is in milliseconds. */
  closed? (socket: LiveSocket, info: CloseInfo, duration: number): void
}

type Stage<Name extends keyof Observer> = ReadonlyArray<Required<Pick<Observer, Name>>>

/** Tells the observers of a route about its sockets. For each stage, its list of observers is made once, when the app boots. */
export class Life implements Required<Observer> {
  readonly #began: Stage<'began'>
  readonly #refused: Stage<'refused'>
  readonly #opened: Stage<'opened'>
  readonly #closed: Stage<'closed'>

  /** @param observers in the order in which they are told; null stands for one that the route does not need */
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
