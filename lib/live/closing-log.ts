import type { CloseInfo } from '../contract/socket.ts'
import type { Observer } from './life.ts'
import type { LiveSocket, Request } from './live-socket.ts'
import { loggable } from './loggable.ts'

/** The type of Fastify's option `disableRequestLogging`. */
type Disabled = boolean | ((request: Request) => boolean) | undefined

/** Logs the end of each connection, as Fastify logs the end of each request. */
export class ClosingLog implements Observer {
  readonly #isDisabled: Disabled

  /** @param disableRequestLogging Fastify's option */
  constructor (disableRequestLogging: Disabled) {
    this.#isDisabled = disableRequestLogging
  }

  closed (socket: LiveSocket, info: CloseInfo, duration: number): void {
    try {
      const isDisabled = typeof this.#isDisabled === 'function' ? this.#isDisabled(socket.request) : this.#isDisabled
      if (!isDisabled) log(socket, info, duration)
    } catch {
      // A logger that throws must not keep the other observers from hearing of the end.
    }
  }
}

function log (socket: LiveSocket, { code, reason, wasClean, initiator }: CloseInfo, duration: number): void {
  const { request, failure, connection: { messagesIn, messagesOut, bytesIn, bytesOut } } = socket
  const ws = { code, reason, wasClean, initiator, duration, messagesIn, messagesOut, bytesIn, bytesOut }
  request.log.info(failure === null ? { ws } : { ws, err: loggable(failure) }, 'websocket closed')
}
