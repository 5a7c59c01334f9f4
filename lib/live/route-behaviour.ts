import type { RateLimit } from '../connection/meter.ts'
import { CloseCode } from '../contract/close-code.ts'
import type { CloseInfo } from '../contract/socket.ts'
import { DEFLATE_DEFAULTS, type DeflateSettings } from '../deflate/negotiate.ts'
import { FST_ERR_WS_BACKPLANE } from '../errors.ts'
import type { Codec } from '../socket/behaviour.ts'
import type { Life } from './life.ts'
import type { LiveBehaviour, LiveSocket, TopicBehaviour } from './live-socket.ts'
import { logError } from './log.ts'
import type { ResolvedOptions } from './route-options.ts'

/** What the sockets of a route need besides its options. */
export interface RouteParts {
  life: Life
  /** The clock of connections. */
  clock: { readonly now: number }
  /** Null means no compression. */
  deflate: DeflateSettings | null
  rate: RateLimit | null
  codec: Codec
  topics: TopicBehaviour
}

/** How the sockets of a route behave: its options in the form they need, and what happens when something fails or ends. */
export class RouteBehaviour implements LiveBehaviour {
  readonly role = 'server'
  readonly maxPayload: number
  readonly maxQueued: number
  readonly highWaterMark: number
  readonly maxBuffered: number
  readonly overflow: 'close' | 'drop'
  readonly closeTimeout: number
  readonly rate: RateLimit | null
  readonly clock: { readonly now: number }
  readonly deflate: DeflateSettings
  readonly codec: Codec
  readonly textPings: boolean
  readonly topics: TopicBehaviour

  readonly #life: Life
  readonly #options: ResolvedOptions

  constructor (options: ResolvedOptions, parts: RouteParts) {
    this.maxPayload = options.maxPayload
    this.maxQueued = options.maxQueued
    this.highWaterMark = options.highWaterMark
    this.maxBuffered = options.maxBuffered
    this.overflow = options.overflow
    this.closeTimeout = options.closeTimeout
    this.rate = parts.rate
    this.clock = parts.clock
    this.deflate = parts.deflate ?? DEFLATE_DEFAULTS
    this.codec = parts.codec
    this.textPings = parts.codec.decode !== null || parts.codec.encode !== null
    this.topics = parts.topics
    this.#life = parts.life
    this.#options = options
  }

  onError (error: unknown, socket: LiveSocket): void {
    socket.publishError(error)
    const { onError } = this.#options
    if (onError === undefined) this.#handlerFailed(error, socket)
    else this.#callBack(() => onError(error, socket.public, socket.request), socket)
  }

  onInvalidMessage (error: any, socket: LiveSocket): void {
    socket.publishError(error)
    const { onInvalidMessage } = this.#options
    if (onInvalidMessage === undefined) {
      logError(socket, 'info', error, 'websocket message refused')
      this.#closeFor(error, socket)
      return
    }
    this.#callBack(() => onInvalidMessage(error, socket.public, socket.request), socket)
  }

  onEnd (socket: LiveSocket, info: CloseInfo): void {
    this.#life.closed(socket, info, performance.now() - socket.openedAt)
  }

  /** If `onDrain` itself closes, it may choose another code, but the close is just as gentle. */
  async onDrain (socket: LiveSocket): Promise<void> {
    socket.closesGently = true
    try {
      await this.#options.onDrain?.(socket.public, socket.request)
    } catch (error) {
      socket.failed(error)
    } finally {
      socket.closesGently = false
    }
  }

  /** Calls a function of the options; if that fails too, the default behaviour applies. */
  async #callBack (call: () => unknown, socket: LiveSocket): Promise<void> {
    socket.begin()
    try {
      await call()
    } catch (error) {
      this.#handlerFailed(error, socket)
    } finally {
      socket.done()
    }
  }

  #closeFor (error: any, socket: LiveSocket): void {
    try {
      socket.close(error.closeCode, error.message)
    } catch {
      // The validator threw an error of its own, without a valid close code or message.
      socket.close(CloseCode.INTERNAL_ERROR, 'internal error')
    }
  }

  #handlerFailed (error: unknown, socket: LiveSocket): void {
    logError(socket, 'error', error, 'websocket handler failed')
    // No fault of the handler: a while later, the client may have more luck.
    if (isOfBackplane(error)) socket.close(error.closeCode, 'try again later')
    else socket.close(CloseCode.INTERNAL_ERROR, 'internal error')
  }
}

/** Handlers may throw anything, even what throws when it is looked at. */
function isOfBackplane (error: unknown): error is { closeCode: number } {
  try {
    return error instanceof FST_ERR_WS_BACKPLANE
  } catch {
    return false
  }
}
