import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { CloseInfo } from '../../types/socket.ts'
import { acceptOffer, type DeflateSettings } from '../deflate/negotiate.ts'
import {
  FST_ERR_WS_CLOSING, FST_ERR_WS_HANDLER, FST_ERR_WS_HANDSHAKE, FST_ERR_WS_METHOD, FST_ERR_WS_NOT_REGISTERED,
  FST_ERR_WS_ORIGIN, FST_ERR_WS_UPGRADE_REQUIRED, FST_ERR_WS_VERSION
} from '../errors.ts'
import { type DecoderOptions, formatSchemaErrors, MessageDecoder, type Validator } from '../message/codec.ts'
import { CloseCode } from '../protocol/close-code.ts'
import { acceptKey, checkHandshake, type HandshakeHeaders, offeredProtocols, VERSION } from '../protocol/handshake.ts'
import type { SocketBehaviour } from '../socket/socket.ts'
import type { InMemory } from './duplex-pair.ts'
import { checkRouteOptions, DEFLATE_DEFAULTS, deflateSettings, mergeOptions, type ResolvedOptions } from './options.ts'
import { compileOrigin, type OriginCheck } from './origin.ts'
import { RouteSocket } from './route-socket.ts'
import type { Scope } from './scope.ts'
import { Upgrade, validateHeader } from './upgrade.ts'

/** Under this name an instance carries the scope of the plugin that serves it, inherited as Fastify's decorators are. */
export const kScope = Symbol.for('fastify-sockets.scope')

/** The route options of Fastify with ours among them, as an onRoute hook sees them. */
export type AnyRouteOptions = Omit<RouteOptions, 'handler' | 'schema'> & {
  ws?: unknown
  handler: (...args: any[]) => unknown
  schema?: any
  routePath?: string
}

/**
 * Fastify itself compiles `schema.message` and `schema.send`, so that compilers, shared schemas and errors are those of
 * the route: as the body of a media type that no request has, and as the response that follows a 101.
 */
const MESSAGE_MEDIA_TYPE = 'fastify-sockets/message'
const SEND_STATUS = '101'

/** One `ws` route: from its declaration to the sockets it opens. */
export class WebSocketRoute {
  readonly url: string
  /** Whether text messages are JSON, in either direction. */
  readonly hasMessageSchema: boolean
  readonly hasSendSchema: boolean

  readonly #instance: FastifyInstance
  readonly #routeOptions: AnyRouteOptions
  readonly #handler: (...args: any[]) => unknown
  readonly #isPrefixRoot: boolean
  readonly #httpHandler: ((...args: any[]) => unknown) | null

  #scope!: Scope
  #options!: ResolvedOptions
  #checkOrigin: OriginCheck | null = null
  #deflate: DeflateSettings | null = null
  #behaviour: SocketBehaviour | null = null

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
    // Fastify goes on with the same object for the second URL.
    this.#isPrefixRoot = options.routePath === '' && options.prefixTrailingSlash !== 'no-slash'
    this.#handler = handler ?? options.handler
    this.#httpHandler = handler === undefined ? null : options.handler
    this.hasMessageSchema = options.schema?.message !== undefined
    this.hasSendSchema = options.schema?.send !== undefined

    options.handler = (request: FastifyRequest, reply: FastifyReply) => {
      const upgrade = Upgrade.of(reply.raw)
      if (upgrade === undefined) return this.#httpHandler!.call(this.#instance, request, reply)
      return this.#accept(upgrade, request, reply)
    }
    options.onRequest = [(request: any, reply: any, done: any) => this.#checkRequest(request, reply, done)].concat(options.onRequest as any ?? [])
    options.onError = [(_request: any, reply: any) => this.#notAfterAll(reply)].concat(options.onError as any ?? [])
    if (this.hasMessageSchema || this.hasSendSchema) options.schema = this.#schemaToCompile(options.schema)
  }

  /** Whether plain requests have a handler of their own. */
  get servesHttp (): boolean {
    return this.#httpHandler !== null
  }

  /** All URLs of the route: the root of a prefix has two, of which Fastify shows its hooks only one. */
  get urls (): string[] {
    return this.#isPrefixRoot ? [this.url, `${this.url}/`] : [this.url]
  }

  /**
   * Everything is declared: finds the scope that serves the route and fixes its options.
   *
   * @throws {FST_ERR_WS_NOT_REGISTERED}
   */
  boot (): void {
    const scope = (this.#instance as { [kScope]?: Scope })[kScope]
    if (scope === undefined) throw new FST_ERR_WS_NOT_REGISTERED(this.url)
    const { ws, schema } = this.#routeOptions
    this.#scope = scope
    this.#options = mergeOptions(scope.options, ws === true ? {} : ws as object)
    this.#checkOrigin = compileOrigin(this.#options.origin)
    this.#deflate = deflateSettings(this.#options.deflate)
    if (this.#options.heartbeat !== false) scope.heartbeat.serve(this.#options.heartbeat)
    // The body has served its purpose, and a GET is not to be documented with one.
    if (this.hasMessageSchema) delete schema.body
  }

  #schemaToCompile (schema: any): any {
    const copy = { ...schema }
    if (this.hasMessageSchema) copy.body = { content: { [MESSAGE_MEDIA_TYPE]: { schema: schema.message } } }
    if (this.hasSendSchema) copy.response = { ...schema.response, [SEND_STATUS]: schema.send }
    return copy
  }

  /** The route's first onRequest hook. A promise only where the origin policy makes one: most answers need no wait. */
  #checkRequest (request: FastifyRequest, reply: FastifyReply, done: () => void): Promise<void> | void {
    if (Upgrade.of(reply.raw) === undefined) {
      if (!this.servesHttp) this.#requireUpgrade(request, reply)
      return done()
    }
    if (this.#scope.closing) throw new FST_ERR_WS_CLOSING()
    this.#checkHandshake(request, reply)
    const { origin } = request.raw.headers
    if (origin === undefined || this.#checkOrigin === null) return done()
    const allowed = this.#checkOrigin(origin, request)
    if (typeof allowed !== 'boolean') return this.#requireOrigin(allowed, origin, request)
    if (allowed) return done()
    this.#refuseOrigin(origin, request)
  }

  #requireUpgrade (request: FastifyRequest, reply: FastifyReply): never {
    // RFC 9110 §15.5.22 and §7.8: a 426 names the protocol to upgrade to. HTTP/2 has no such headers.
    if (request.raw.httpVersionMajor === 1) {
      reply.header('upgrade', 'websocket').header('connection', reply.raw.shouldKeepAlive ? 'Upgrade' : 'close, Upgrade')
    }
    throw new FST_ERR_WS_UPGRADE_REQUIRED(request.url)
  }

  #checkHandshake ({ raw }: FastifyRequest, reply: FastifyReply): void {
    const fault = checkHandshake(raw.httpVersion, raw.headers as HandshakeHeaders, raw.rawHeaders)
    if (fault === null) return
    if (fault.status === 400) throw new FST_ERR_WS_HANDSHAKE(fault.message)
    reply.header('sec-websocket-version', VERSION).header('upgrade', 'websocket').header('connection', 'close, Upgrade')
    throw new FST_ERR_WS_VERSION(fault.message)
  }

  async #requireOrigin (allowed: Promise<boolean>, origin: string, request: FastifyRequest): Promise<void> {
    if (!await allowed) this.#refuseOrigin(origin, request)
  }

  #refuseOrigin (origin: string, request: FastifyRequest): never {
    request.log.info({ origin, host: request.host }, "the origin is not allowed: see the WebSocket option 'origin'")
    throw new FST_ERR_WS_ORIGIN(origin)
  }

  /** The last step of Fastify's lifecycle: all hooks have passed. */
  #accept (upgrade: Upgrade, request: FastifyRequest, reply: FastifyReply): void {
    if (upgrade.gone) {
      reply.hijack()
      return
    }
    if (this.#scope.closing) throw new FST_ERR_WS_CLOSING()
    const behaviour = this.#behaviour ??= this.#createBehaviour(request, reply)
    const protocol = this.#chooseProtocol(request.raw.headers as HandshakeHeaders)
    const headers: Record<string, string> = {
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Accept': acceptKey(request.raw.headers['sec-websocket-key']!)
    }
    if (protocol !== '') headers['Sec-WebSocket-Protocol'] = protocol
    const { agreement, header } = acceptOffer(request.raw.headers['sec-websocket-extensions'], this.#deflate)
    if (header !== '') headers['Sec-WebSocket-Extensions'] = header
    const agreed = { protocol, extensions: header, compression: agreement }
    const inMemory = 'route' in upgrade.transport ? upgrade.transport as unknown as InMemory : null
    if (inMemory !== null) inMemory.route = this
    upgrade.accept(headers, early => {
      this.#open(new RouteSocket(request, upgrade.transport, agreed, behaviour), early)
      inMemory?.onOpen()
    })
    // An ordinary reply: onSend hooks still add their headers, as those of cookies do.
    reply.code(101).send()
  }

  #open (socket: RouteSocket, early: Buffer): void {
    const { request } = socket
    this.#scope.add(socket)
    if (this.#scope.closing) socket.close(CloseCode.GOING_AWAY, 'the server is shutting down')
    else socket.run(() => this.#handler.call(this.#instance, socket, request))
    socket.connection.start(early)
  }

  /** The route's first onError hook: the 101 could not be made, or an onSend hook failed when it was on its way. */
  async #notAfterAll (reply: FastifyReply): Promise<void> {
    const upgrade = Upgrade.of(reply.raw)
    if (upgrade === undefined) return
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      // What HTTP cannot carry would spoil the error as well.
      if (!isValidHeader(name, value)) reply.removeHeader(name)
    }
    // Fastify puts the error's status in place of a 200 only.
    if (upgrade.refuse()) reply.code(200)
  }

  /** The first of the route's protocols that the client offers (RFC 6455 §4.2.2); an empty string for none. */
  #chooseProtocol (headers: HandshakeHeaders): string {
    const { protocols } = this.#options
    if (protocols.length === 0) return ''
    const offered = offeredProtocols(headers)!
    return protocols.find(protocol => offered.includes(protocol)) ?? ''
  }

  /** Made with the first request, which is where Fastify hands out what it has compiled. */
  #createBehaviour (request: FastifyRequest, reply: FastifyReply): SocketBehaviour {
    const options = this.#options
    return {
      role: 'server',
      maxPayload: options.maxPayload,
      maxQueued: options.maxQueued,
      highWaterMark: options.highWaterMark,
      maxBuffered: options.maxBuffered,
      overflow: options.overflow,
      closeTimeout: options.closeTimeout,
      heartbeat: options.heartbeat === false ? null : options.heartbeat,
      deflate: this.#deflate ?? DEFLATE_DEFAULTS,
      decoder: this.hasMessageSchema ? this.#createDecoder(request) : null,
      serialize: this.hasSendSchema ? reply.getSerializationFunction(SEND_STATUS) as (value: unknown) => string : null,
      onError: (error, socket) => this.#onError(error, socket),
      onInvalidMessage: (error, socket) => this.#onInvalidMessage(error, socket),
      onEnd: (socket, info) => this.#onEnd(socket, info)
    }
  }

  #createDecoder (request: FastifyRequest): MessageDecoder {
    const compiled = request.getValidationFunction('body') as unknown as Record<string, Validator>
    const { onProtoPoisoning = 'error', onConstructorPoisoning = 'error' } = this.#instance.initialConfig
    return new MessageDecoder(compiled[MESSAGE_MEDIA_TYPE]!, {
      attachValidation: this.#routeOptions.attachValidation === true,
      formatError: this.#routeOptions.schemaErrorFormatter as DecoderOptions['formatError'] ?? formatSchemaErrors,
      protoAction: onProtoPoisoning,
      constructorAction: onConstructorPoisoning
    })
  }

  #onError (error: unknown, socket: RouteSocket): void {
    const { onError } = this.#options
    if (onError === undefined) {
      this.#handlerFailed(error, socket)
      return
    }
    this.#callBack(() => onError(error, socket, socket.request), socket)
  }

  #onInvalidMessage (error: any, socket: RouteSocket): void {
    const { onInvalidMessage } = this.#options
    if (onInvalidMessage === undefined) {
      socket.request.log.info({ err: error }, 'websocket message refused')
      socket.close(error.closeCode, error.message)
      return
    }
    this.#callBack(() => onInvalidMessage(error, socket, socket.request), socket)
  }

  /** Calls a function of the options; if it fails as well, the default remains. */
  async #callBack (call: () => unknown, socket: RouteSocket): Promise<void> {
    try {
      await call()
    } catch (error) {
      this.#handlerFailed(error, socket)
    }
  }

  #handlerFailed (error: unknown, socket: RouteSocket): void {
    socket.request.log.error({ err: error }, 'websocket handler failed')
    socket.close(CloseCode.INTERNAL_ERROR, 'internal error')
  }

  #onEnd (socket: RouteSocket, { code, reason, wasClean, initiator }: CloseInfo): void {
    this.#scope.remove(socket)
    const { disableRequestLogging } = this.#instance.initialConfig
    if (typeof disableRequestLogging === 'function' ? disableRequestLogging(socket.request) : disableRequestLogging) return
    const { messagesIn, messagesOut, bytesIn, bytesOut } = socket.connection
    const ws = {
      code, reason, wasClean, initiator, duration: performance.now() - socket.openedAt,
      messagesIn, messagesOut, bytesIn, bytesOut
    }
    const { failure } = socket
    socket.request.log.info(failure === null ? { ws } : { ws, err: failure }, 'websocket closed')
  }
}

function isValidHeader (name: string, value: unknown): boolean {
  try {
    validateHeader(name, value)
    return true
  } catch {
    return false
  }
}
