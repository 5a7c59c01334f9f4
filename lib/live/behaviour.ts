import type { FastifyServerOptions } from 'fastify'
import type { CloseMessage } from '../../types/diagnostics.ts'
import type { WatchOptions } from '../connection/keepalive.ts'
import type { RateLimit } from '../connection/meter.ts'
import type { TimerWheel } from '../connection/timer-wheel.ts'
import { CloseCode } from '../contract/close-code.ts'
import type { CloseInfo } from '../contract/socket.ts'
import type { DeflateSettings } from '../deflate/negotiate.ts'
import { DEFLATE_DEFAULTS, type ResolvedOptions } from '../plugin/options.ts'
import type { Decoder, SocketBehaviour } from '../socket/behaviour.ts'
import { endings } from './channels.ts'
import type { RouteSocket } from './live-socket.ts'
import { logError } from './log.ts'
import { loggable } from './loggable.ts'
import type { Scope } from './scope.ts'
import type { Tally } from './stats.ts'

/** What the sockets of a route are made with, besides its options. */
export interface RouteParts {
  scope: Scope
  tally: Tally
  /** Null: no compression. */
  deflate: DeflateSettings | null
  rate: RateLimit | null
  decoder: Decoder | null
  serialize: ((value: any) => string) | null
  disableRequestLogging: FastifyServerOptions['disableRequestLogging']
}

/** How the sockets of one route behave: its options as they need them, and what happens when something fails or ends. */
export class RouteBehaviour implements SocketBehaviour {
  readonly role = 'server'
  readonly maxPayload: number
  readonly maxQueued: number
  readonly highWaterMark: number
  readonly maxBuffered: number
  readonly overflow: 'close' | 'drop'
  readonly closeTimeout: number
  readonly rate: RateLimit | null
  readonly clock: TimerWheel
  readonly deflate: DeflateSettings
  readonly decoder: Decoder | null
  readonly serialize: ((value: any) => string) | null
  /** Null: the sockets need no looking after. */
  readonly watch: WatchOptions | null
  readonly tally: Tally

  readonly #scope: Scope
  readonly #options: ResolvedOptions
  readonly #disableRequestLogging: RouteParts['disableRequestLogging']

  constructor (options: ResolvedOptions, parts: RouteParts) {
    this.maxPayload = options.maxPayload
    this.maxQueued = options.maxQueued
    this.highWaterMark = options.highWaterMark
    this.maxBuffered = options.maxBuffered
    this.overflow = options.overflow
    this.closeTimeout = options.closeTimeout
    this.rate = parts.rate
    this.clock = parts.scope.wheel
    this.deflate = parts.deflate ?? DEFLATE_DEFAULTS
    this.decoder = parts.decoder
    this.serialize = parts.serialize
    this.watch = watchOptions(options)
    this.tally = parts.tally
    this.#scope = parts.scope
    this.#options = options
    this.#disableRequestLogging = parts.disableRequestLogging
  }

  onError (error: unknown, socket: RouteSocket): void {
    socket.publishError(error)
    const { onError } = this.#options
    if (onError === undefined) this.#handlerFailed(error, socket)
    else this.#callBack(() => onError(error, socket, socket.request), socket)
  }

  onInvalidMessage (error: any, socket: RouteSocket): void {
    socket.publishError(error)
    const { onInvalidMessage } = this.#options
    if (onInvalidMessage === undefined) {
      logError(socket, 'info', error, 'websocket message refused')
      this.#closeFor(error, socket)
      return
    }
    this.#callBack(() => onInvalidMessage(error, socket, socket.request), socket)
  }

  onEnd (socket: RouteSocket, info: CloseInfo): void {
    this.#scope.sockets.delete(socket)
    this.tally.end(socket)
    socket.release()
    const duration = performance.now() - socket.openedAt
    if (endings.hasSubscribers) publishEnd(socket, info, duration)
    try {
      if (!this.#isLoggingDisabled(socket)) logEnd(socket, info, duration)
    } catch {
      // What goes wrong in the log, or decides on it, is no reason to leave the end unfinished.
    }
  }

  /** The connection has ended, and its handler has not. */
  onUnfinished (socket: RouteSocket): void {
    this.#scope.unfinished.add(socket)
  }

  /** Says goodbye, with `onDrain`, as long as that takes. If that closes, it is with another code, and no less gently. */
  async onDrain (socket: RouteSocket): Promise<void> {
    socket.closesGently = true
    try {
      await this.#options.onDrain?.(socket, socket.request)
    } catch (error) {
      socket.failed(error)
    } finally {
      socket.closesGently = false
    }
  }

  /** Calls a function of the options; if it fails as well, the default remains. */
  async #callBack (call: () => unknown, socket: RouteSocket): Promise<void> {
    socket.begin()
    try {
      await call()
    } catch (error) {
      this.#handlerFailed(error, socket)
    } finally {
      socket.done()
    }
  }

  #closeFor (error: any, socket: RouteSocket): void {
    try {
      socket.close(error.closeCode, error.message)
    } catch {
      // An error of the validator's own, whose code or message is none.
      socket.close(CloseCode.INTERNAL_ERROR, 'internal error')
    }
  }

  #handlerFailed (error: unknown, socket: RouteSocket): void {
    logError(socket, 'error', error, 'websocket handler failed')
    socket.close(CloseCode.INTERNAL_ERROR, 'internal error')
  }

  #isLoggingDisabled ({ request }: RouteSocket): boolean | undefined {
    const disabled = this.#disableRequestLogging
    return typeof disabled === 'function' ? disabled(request) : disabled
  }
}

function publishEnd (socket: RouteSocket, info: CloseInfo, duration: number): void {
  const { messagesIn, messagesOut, bytesIn, bytesOut } = socket.connection
  endings.publish({ socket, info, duration, messagesIn, messagesOut, bytesIn, bytesOut } satisfies CloseMessage)
}

function logEnd (socket: RouteSocket, { code, reason, wasClean, initiator }: CloseInfo, duration: number): void {
  const { request, failure, connection: { messagesIn, messagesOut, bytesIn, bytesOut } } = socket
  const ws = { code, reason, wasClean, initiator, duration, messagesIn, messagesOut, bytesIn, bytesOut }
  request.log.info(failure === null ? { ws } : { ws, err: loggable(failure) }, 'websocket closed')
}

function watchOptions ({ heartbeat, idleTimeout, maxLifetime }: ResolvedOptions): WatchOptions | null {
  if (heartbeat === false && idleTimeout === false && maxLifetime === false) return null
  return { heartbeat: heartbeat || null, idleTimeout: idleTimeout || null, maxLifetime: maxLifetime || null }
}
