import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { SocketOptions } from '../../types/options.ts'
import type { RateLimit } from '../connection/meter.ts'
import { acceptOffer, type DeflateSettings } from '../deflate/negotiate.ts'
import { FST_ERR_WS_CLOSING, FST_ERR_WS_ORIGIN } from '../errors.ts'
import type { Opening } from '../handshake/opening.ts'
import { announcements } from '../live/announcements.ts'
import { ClosingLog } from '../live/closing-log.ts'
import { closeForShutdown } from '../live/drain.ts'
import { Keepalives } from '../live/keepalives.ts'
import { Life } from '../live/life.ts'
import { createLimiter, maxSubscriptions, publishLimit, rateLimit, Reservations } from '../live/limits.ts'
import { LiveHandshake } from '../live/live-handshake.ts'
import { LiveSocket, type TopicBehaviour } from '../live/live-socket.ts'
import { logInfo, shown } from '../live/log.ts'
import { RouteBehaviour } from '../live/route-behaviour.ts'
import type { ResolvedOptions } from '../live/route-options.ts'
import type { Scope } from '../live/scope.ts'
import type { HandshakeHeaders } from '../protocol/handshake.ts'
import { Injected } from '../testing/injected.ts'
import type { Users } from '../topics/users.ts'
import { checkHeaders } from './handshake-checks.ts'
import { deflateSettings, keepaliveOptions, mergeOptions } from './options.ts'
import { compileOrigin, type OriginCheck } from './origin.ts'
import type { Registration } from './registration.ts'
import type { MessageSchemas } from './schemas.ts'
import { chooseProtocol } from './subprotocol.ts'

export type Handler = (...args: any[]) => unknown

/** What a route's declaration says. */
export interface RouteParts {
  instance: FastifyInstance
  url: string
  handler: Handler
  /** The route's own options, without those of the plugin. */
  options: SocketOptions
  schemas: MessageSchemas
}

/** Seconds until a client that was over a limit may try again. */
const RETRY_AFTER = 5

/** A `ws` route after boot: its options, and what it does with a handshake. */
export class WebSocketRoute {
  readonly #scope: Scope
  readonly #instance: FastifyInstance
  readonly #handler: Handler
  readonly #schemas: MessageSchemas
  readonly #options: ResolvedOptions
  readonly #checkOrigin: OriginCheck | null
  readonly #deflate: DeflateSettings | null
  readonly #rate: RateLimit | null
  /** Null if nothing is limited. */
  readonly #reservations: Reservations | null
  readonly #users: Users
  readonly #topics: TopicBehaviour
  readonly #life: Life
  /** Made for the first connection. */
  #behaviour: RouteBehaviour | null = null

  constructor ({ scope, topics }: Registration, { instance, url, handler, options: own, schemas }: RouteParts) {
    const options = mergeOptions(scope.options, own)
    this.#scope = scope
    this.#users = topics.users
    this.#topics = {
      maxSubscriptions: maxSubscriptions(scope.options.limits, own.limits),
      publishLimit: publishLimit(scope.options.limits, own.limits),
      topicsOf: socket => topics.topicsOf(socket)
    }
    this.#instance = instance
    this.#handler = handler
    this.#schemas = schemas
    this.#options = options
    this.#checkOrigin = compileOrigin(options.origin)
    this.#deflate = deflateSettings(options.deflate)
    this.#rate = rateLimit(scope.options.limits, own.limits)
    const limiters = [scope.limiter, createLimiter(own.limits)].filter(limiter => limiter !== null)
    this.#reservations = limiters.length === 0 ? null : new Reservations(limiters)
    const keepalive = keepaliveOptions(options)
    this.#life = new Life([
      this.#reservations,
      keepalive && new Keepalives(scope.wheel, keepalive),
      scope.live,
      topics.users.observer,
      scope.live.stats.of(url),
      announcements,
      new ClosingLog(instance.initialConfig.disableRequestLogging),
      scope.unfinished,
      new Injected({ sendsJson: schemas.hasSend, receivesJson: schemas.hasMessage })
    ])
  }

  get handshakeTimeout (): number {
    return this.#options.handshakeTimeout
  }

  /**
   * A handshake begins; no hook of the user has run yet.
   *
   * @throws {FST_ERR_WS_FULL | FST_ERR_WS_TOO_MANY}
   */
  begin (opening: Opening, request: FastifyRequest, reply: FastifyReply): void {
    this.#life.began(request)
    opening.setOwner(new LiveHandshake(request, this.#options.handshakeTimeout, this.#life))
    if (this.#reservations !== null && !opening.isAbandoned) this.#reserve(this.#reservations, request, reply)
  }

  #reserve (reservations: Reservations, request: FastifyRequest, reply: FastifyReply): void {
    try {
      reservations.reserve(request)
    } catch (error) {
      reply.header('retry-after', RETRY_AFTER)
      logInfo({ request }, { ip: shown(request.ip) }, "too many connections or handshakes: see the WebSocket option 'limits'")
      throw error
    }
  }

  /** The route's first onRequest hook. Returns a promise only if the origin policy does: most handshakes need not wait. */
  check (opening: Opening, request: FastifyRequest, reply: FastifyReply, done: () => void): Promise<void> | void {
    if (opening.isAbandoned) {
      reply.hijack()
      return
    }
    if (this.#scope.closing) throw new FST_ERR_WS_CLOSING()
    checkHeaders(request, reply)
    const { origin } = request.raw.headers
    if (origin === undefined || this.#checkOrigin === null) return done()
    let allowed
    try {
      allowed = this.#checkOrigin(origin, request)
    } catch (error) {
      // Rejected, because Fastify would not take a thrown null or undefined for an error, and would let the request pass.
      return Promise.reject(error)
    }
    if (typeof allowed !== 'boolean') return this.#requireOrigin(allowed, origin, request)
    if (allowed) return done()
    this.#refuseOrigin(origin, request)
  }

  async #requireOrigin (allowed: Promise<boolean>, origin: string, request: FastifyRequest): Promise<void> {
    if (!await allowed) this.#refuseOrigin(origin, request)
  }

  #refuseOrigin (origin: string, request: FastifyRequest): never {
    const refused = shown(origin)
    logInfo({ request }, { origin: refused, host: shown(request.host) }, "the origin is not allowed: see the WebSocket option 'origin'")
    throw new FST_ERR_WS_ORIGIN(refused)
  }

  /** Runs in place of the route's handler, after all hooks have passed. */
  accept (opening: Opening, request: FastifyRequest, reply: FastifyReply): void {
    if (opening.isAbandoned) {
      reply.hijack()
      return
    }
    if (this.#scope.closing) throw new FST_ERR_WS_CLOSING()
    const behaviour = this.#behaviour ??= this.#createBehaviour(request, reply)
    const sent = request.raw.headers as HandshakeHeaders
    const user = this.#users.arrive(request)
    const protocol = chooseProtocol(this.#options.protocols, request)
    const headers = opening.acceptance(sent)
    if (protocol !== '') headers['Sec-WebSocket-Protocol'] = protocol
    const { agreement, header } = acceptOffer(sent['sec-websocket-extensions'] as string | undefined, this.#deflate)
    if (header !== '') headers['Sec-WebSocket-Extensions'] = header
    const agreed = { protocol, extensions: header, compression: agreement }
    opening.accept(headers, early => {
      this.#open(new LiveSocket(request, opening.transport, agreed, behaviour, user), early)
    })
    // An ordinary reply, so that onSend hooks still add their headers, such as cookies.
    reply.code(opening.status).send()
  }

  #open (socket: LiveSocket, early: Buffer): void {
    this.#life.opened(socket)
    socket.handle(() => {
      if (this.#scope.closing) return closeForShutdown(socket)
      // All connections of its user may have been closed meanwhile.
      return socket.connection.isOpen ? this.#handler.call(this.#instance, socket.public, socket.request) : undefined
    })
    socket.connection.start(early)
  }

  /** The route's first onError hook: the accepting answer could not be made, or an onSend hook failed on it. */
  refuseAfterAll (opening: Opening, reply: FastifyReply): void {
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      // A header that HTTP cannot carry would spoil the error response as well.
      if (!opening.carries(name, value)) reply.removeHeader(name)
    }
    // Fastify lets the error's status replace a 200 only.
    if (opening.refuse()) reply.code(200)
  }

  /** Needs a request, because Fastify hands out compiled schemas through requests only. */
  #createBehaviour (request: FastifyRequest, reply: FastifyReply): RouteBehaviour {
    return new RouteBehaviour(this.#options, {
      life: this.#life,
      clock: this.#scope.wheel,
      deflate: this.#deflate,
      rate: this.#rate,
      topics: this.#topics,
      codec: this.#schemas.codec(request, reply)
    })
  }
}
