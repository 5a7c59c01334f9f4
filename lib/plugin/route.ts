import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { HandshakeMessage, OpenMessage } from '../../types/diagnostics.ts'
import type { SocketOptions } from '../../types/options.ts'
import type { RateLimit } from '../connection/meter.ts'
import { acceptOffer, type DeflateSettings } from '../deflate/negotiate.ts'
import {
  FST_ERR_WS_CLOSING, FST_ERR_WS_HANDLER, FST_ERR_WS_METHOD, FST_ERR_WS_NOT_REGISTERED, FST_ERR_WS_ORIGIN
} from '../errors.ts'
import { Opening } from '../handshake/opening.ts'
import { RouteBehaviour } from '../live/behaviour.ts'
import { handshakes, openings } from '../live/channels.ts'
import { goAway } from '../live/drain.ts'
import { createLimiter, type Limiter, rateLimit, Seat } from '../live/limits.ts'
import { RouteSocket } from '../live/live-socket.ts'
import { logInfo, shown } from '../live/log.ts'
import type { Scope } from '../live/scope.ts'
import type { Tally } from '../live/stats.ts'
import type { HandshakeHeaders } from '../protocol/handshake.ts'
import type { InMemory } from '../testing/duplex-pair.ts'
import { type AnyRouteOptions, Declaration, hide } from './declaration.ts'
import { kRoute } from './first-hooks.ts'
import { checkHeaders, Handshake, logLostUpgrade, requireUpgrade } from './handshake.ts'
import { checkRouteOptions, deflateSettings, mergeOptions, type ResolvedOptions } from './options.ts'
import { compileOrigin, type OriginCheck } from './origin.ts'
import { MessageSchemas } from './schemas.ts'
import { chooseProtocol } from './subprotocol.ts'

/** Under this name an instance carries the scope of the plugin that serves it, inherited as Fastify's decorators are. */
export const kScope = Symbol.for('fastify-sockets.scope')

/** Seconds after which a client may try again when there was no room for it. */
const RETRY_AFTER = 5

/** One `ws` route: from its declaration to the sockets it opens. */
export class WebSocketRoute {
  readonly url: string
  readonly #instance: FastifyInstance
  readonly #routeOptions: AnyRouteOptions
  readonly #schemas: MessageSchemas
  readonly #handler: (...args: any[]) => unknown
  readonly #declaration: Declaration
  readonly #httpHandler: ((...args: any[]) => unknown) | null

  #scope!: Scope
  #options!: ResolvedOptions
  #tally!: Tally
  #checkOrigin: OriginCheck | null = null
  #deflate: DeflateSettings | null = null
  #limiters: readonly Limiter[] = []
  #rate: RateLimit | null = null
  #behaviour: RouteBehaviour | null = null

  /**
   * Takes over a route as it is declared: changes its options so that Fastify routes upgrades to this object.
   *
   * @throws {FST_ERR_WS_OPTION | FST_ERR_WS_UNKNOWN_OPTION | FST_ERR_WS_METHOD | FST_ERR_WS_HANDLER}
   */
  constructor (instance: FastifyInstance, options: AnyRouteOptions) {
    checkRouteOptions(options.ws)
    if (String(options.method) !== 'GET') throw new FST_ERR_WS_METHOD(options.url, String(options.method))
    const { handler } = options.ws as { handler?: (...args: any[]) => unknown }
    if (handler !== undefined && typeof handler !== 'function') throw new FST_ERR_WS_HANDLER(options.url)
    this.url = options.url
    this.#instance = instance
    this.#routeOptions = options
    this.#declaration = new Declaration(instance, options)
    this.#handler = handler ?? options.handler
    this.#httpHandler = handler === undefined ? null : options.handler
    options.config = { ...options.config, [kRoute]: this } as typeof options.config
    options.handler = (request: FastifyRequest, reply: FastifyReply) => {
      const opening = Opening.of(reply.raw)
      if (opening === undefined) return this.#httpHandler!.call(this.#instance, request, reply)
      return this.#accept(opening, request, reply)
    }
    options.onRequest = [
      (request: any, reply: any, done: any) => this.#checkRequest(request, reply, done)
    ].concat(options.onRequest as any ?? [])
    // Not asynchronous: an error that Fastify cannot read would be a rejection that nobody takes.
    options.onError = [(_request: any, reply: any, _error: any, done: any) => {
      this.#notAfterAll(reply)
      done()
    }].concat(options.onError as any ?? [])
    this.#schemas = new MessageSchemas(instance, options)
    if (!this.servesHttp) hide(options)
  }

  /** @see Declaration.isTwin */
  isTwin (instance: FastifyInstance, options: AnyRouteOptions): boolean {
    return this.#declaration.isTwin(instance, options)
  }

  /** A route for upgrades only has no twin: it is declared for no method. */
  takeTwin (options: AnyRouteOptions): void {
    if (this.servesHttp) return
    options.method = []
    hide(options)
  }

  /** Whether plain requests have a handler of their own. */
  get servesHttp (): boolean {
    return this.#httpHandler !== null
  }

  /** Whether text messages are JSON, in either direction. */
  get hasMessageSchema (): boolean {
    return this.#schemas.hasMessage
  }

  get hasSendSchema (): boolean {
    return this.#schemas.hasSend
  }

  get handshakeTimeout (): number {
    return this.#options.handshakeTimeout
  }

  /**
   * Everything is declared: finds the scope that serves the route and fixes its options.
   *
   * @throws {FST_ERR_WS_NOT_REGISTERED}
   */
  boot (): void {
    const scope = (this.#instance as { [kScope]?: Scope })[kScope]
    if (scope === undefined) throw new FST_ERR_WS_NOT_REGISTERED(this.url)
    const own = this.#routeOptions.ws === true ? {} : this.#routeOptions.ws as SocketOptions
    const options = mergeOptions(scope.options, own)
    this.#scope = scope
    this.#options = options
    this.#tally = scope.tally(this.url)
    this.#checkOrigin = compileOrigin(options.origin)
    this.#deflate = deflateSettings(options.deflate)
    this.#limiters = [scope.limiter, createLimiter(own.limits)].filter(limiter => limiter !== null)
    this.#rate = rateLimit(scope.options.limits, own.limits)
    const { heartbeat, idleTimeout, maxLifetime } = options
    if (heartbeat !== false) scope.wheel.serve(Math.min(heartbeat.interval, heartbeat.timeout))
    for (const delay of [idleTimeout, maxLifetime]) if (delay !== false) scope.wheel.serve(delay)
    this.#schemas.takeBack()
  }

  /**
   * A handshake begins, before any hook of the user.
   *
   * @throws {FST_ERR_WS_FULL | FST_ERR_WS_TOO_MANY}
   */
  begin (opening: Opening, request: FastifyRequest, reply: FastifyReply): void {
    const handshake = new Handshake(request, this.#tally, this.#options.handshakeTimeout)
    if (handshakes.hasSubscribers) handshakes.publish({ request } satisfies HandshakeMessage)
    opening.meet(handshake)
    if (this.#limiters.length > 0 && !opening.gone) handshake.seat = this.#takeSeat(request, reply)
  }

  /** The route's first onRequest hook. A promise only where the origin policy makes one: most answers need no wait. */
  #checkRequest (request: FastifyRequest, reply: FastifyReply, done: () => void): Promise<void> | void {
    const opening = Opening.of(reply.raw)
    if (opening === undefined) {
      if (this.servesHttp) logLostUpgrade(request)
      else requireUpgrade(request, reply)
      return done()
    }
    if (opening.gone) {
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
      // Thrown, null and undefined would be no error to Fastify, and let the request pass.
      return Promise.reject(error)
    }
    if (typeof allowed !== 'boolean') return this.#requireOrigin(allowed, origin, request)
    if (allowed) return done()
    this.#refuseOrigin(origin, request)
  }

  #takeSeat (request: FastifyRequest, reply: FastifyReply): Seat {
    try {
      return new Seat(this.#limiters, request.ip)
    } catch (error) {
      reply.header('retry-after', RETRY_AFTER)
      logInfo({ request }, { ip: shown(request.ip) }, "too many: see the WebSocket option 'limits'")
      throw error
    }
  }

  async #requireOrigin (allowed: Promise<boolean>, origin: string, request: FastifyRequest): Promise<void> {
    if (!await allowed) this.#refuseOrigin(origin, request)
  }

  #refuseOrigin (origin: string, request: FastifyRequest): never {
    const refused = shown(origin)
    logInfo({ request }, { origin: refused, host: shown(request.host) }, "the origin is not allowed: see the WebSocket option 'origin'")
    throw new FST_ERR_WS_ORIGIN(refused)
  }

  /** The last step of Fastify's lifecycle: all hooks have passed. */
  #accept (opening: Opening, request: FastifyRequest, reply: FastifyReply): void {
    if (opening.gone) {
      reply.hijack()
      return
    }
    if (this.#scope.closing) throw new FST_ERR_WS_CLOSING()
    const behaviour = this.#behaviour ??= this.#createBehaviour(request, reply)
    const sent = request.raw.headers as HandshakeHeaders
    const protocol = chooseProtocol(this.#options.protocols, request)
    const headers = opening.acceptance(sent)
    if (protocol !== '') headers['Sec-WebSocket-Protocol'] = protocol
    const { agreement, header } = acceptOffer(sent['sec-websocket-extensions'] as string | undefined, this.#deflate)
    if (header !== '') headers['Sec-WebSocket-Extensions'] = header
    const agreed = { protocol, extensions: header, compression: agreement }
    const inMemory = 'route' in opening.transport ? opening.transport as unknown as InMemory : null
    if (inMemory !== null) inMemory.route = this
    opening.accept(headers, early => {
      this.#open(new RouteSocket(opening.host as Handshake, opening.transport, agreed, behaviour), early)
      inMemory?.onOpen()
    })
    // An ordinary reply: onSend hooks still add their headers, as those of cookies do.
    reply.code(opening.status).send()
  }

  #open (socket: RouteSocket, early: Buffer): void {
    const { request } = socket
    this.#scope.sockets.add(socket)
    if (openings.hasSubscribers) openings.publish({ socket, request } satisfies OpenMessage)
    socket.handle(() => {
      return this.#scope.closing ? goAway(socket) : this.#handler.call(this.#instance, socket, request)
    })
    socket.connection.start(early)
  }

  /** The route's first onError hook: the 101 could not be made, or an onSend hook failed when it was on its way. */
  #notAfterAll (reply: FastifyReply): void {
    const opening = Opening.of(reply.raw)
    if (opening === undefined) return
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      // What HTTP cannot carry would spoil the error as well.
      if (!opening.carries(name, value)) reply.removeHeader(name)
    }
    // Fastify puts the error's status in place of a 200 only.
    if (opening.refuse()) reply.code(200)
  }

  /** Made with the first request, which is where Fastify hands out what it has compiled. */
  #createBehaviour (request: FastifyRequest, reply: FastifyReply): RouteBehaviour {
    return new RouteBehaviour(this.#options, {
      scope: this.#scope,
      tally: this.#tally,
      deflate: this.#deflate,
      rate: this.#rate,
      decoder: this.#schemas.decoder(request),
      serialize: this.#schemas.serializer(reply),
      disableRequestLogging: this.#instance.initialConfig.disableRequestLogging
    })
  }
}
