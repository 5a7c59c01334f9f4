import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { SocketOptions } from '../../types/options.ts'
import { FST_ERR_WS_HANDLER, FST_ERR_WS_METHOD, FST_ERR_WS_NOT_REGISTERED } from '../errors.ts'
import { Opening } from '../handshake/opening.ts'
import { type AnyRouteOptions, copySchema, DeclaredOptions, hide } from './declared-options.ts'
import { kRoute } from './first-hooks.ts'
import { logLostUpgrade, requireUpgrade } from './handshake-checks.ts'
import { checkRouteOptions } from './options.ts'
import { registrationOf } from './registration.ts'
import { type Handler, WebSocketRoute } from './route.ts'
import { MessageSchemas } from './schemas.ts'

/** A declared `ws` route. Its scope is known once everything is declared: then it becomes a `WebSocketRoute`. */
export class Declaration {
  readonly #instance: FastifyInstance
  readonly #url: string
  /** The value of its option `ws`. */
  readonly #own: SocketOptions
  readonly #handler: Handler
  /** Whether plain HTTP requests have a handler of their own. */
  readonly #servesHttp: boolean
  readonly #schemas: MessageSchemas
  readonly #declared: DeclaredOptions
  #route: WebSocketRoute | null = null

  /**
   * Takes over a route as it is declared: changes its options so that Fastify sends handshakes here.
   *
   * @throws {FST_ERR_WS_OPTION | FST_ERR_WS_UNKNOWN_OPTION | FST_ERR_WS_METHOD | FST_ERR_WS_HANDLER}
   */
  constructor (instance: FastifyInstance, options: AnyRouteOptions) {
    const { url, method, ws } = options
    checkRouteOptions(ws)
    if (String(method) !== 'GET') throw new FST_ERR_WS_METHOD(url, String(method))
    const own = ws === true ? {} : ws as SocketOptions & { handler?: Handler }
    if (own.handler !== undefined && typeof own.handler !== 'function') throw new FST_ERR_WS_HANDLER(url)
    this.#instance = instance
    this.#url = url
    this.#own = own
    this.#handler = own.handler ?? options.handler
    this.#servesHttp = own.handler !== undefined
    this.#declared = new DeclaredOptions(instance, options)
    this.#takeOver(options)
    this.#schemas = new MessageSchemas(instance, options)
    if (this.#servesHttp) copySchema(options)
    else hide(options)
  }

  /** @see DeclaredOptions.isTwin */
  isTwin (instance: FastifyInstance, options: AnyRouteOptions): boolean {
    return this.#declared.isTwin(instance, options)
  }

  /** A route for upgrades only has no use for its HEAD twin: declares the twin for no method at all. */
  takeTwin (options: AnyRouteOptions): void {
    if (this.#servesHttp) {
      copySchema(options)
      return
    }
    options.method = []
    hide(options)
  }

  /**
   * Called when everything is declared: finds the route's scope, and makes the route.
   *
   * @throws {FST_ERR_WS_NOT_REGISTERED}
   */
  boot (): WebSocketRoute {
    const registration = registrationOf(this.#instance)
    if (registration === undefined) throw new FST_ERR_WS_NOT_REGISTERED(`the route '${this.#url}' has the option 'ws'`)
    this.#schemas.takeBack()
    return this.#route = new WebSocketRoute(registration, {
      instance: this.#instance, url: this.#url, handler: this.#handler, options: this.#own, schemas: this.#schemas
    })
  }

  /** The route; it exists before the first request. */
  get route (): WebSocketRoute {
    return this.#route!
  }

  #takeOver (options: AnyRouteOptions): void {
    const { handler, onRequest, onError } = options
    options.config = { ...options.config, [kRoute]: this } as typeof options.config
    options.handler = (request: FastifyRequest, reply: FastifyReply) => {
      const opening = Opening.of(reply.raw)
      if (opening !== undefined) return this.route.accept(opening, request, reply)
      // Not before: whoever the hooks or the schemas refuse learns that from them, as from a handshake.
      if (!this.#servesHttp) requireUpgrade(request, reply)
      return handler.call(this.#instance, request, reply)
    }
    options.onRequest = first((request: FastifyRequest, reply: FastifyReply, done: () => void) => {
      const opening = Opening.of(reply.raw)
      if (opening !== undefined) return this.route.check(opening, request, reply, done)
      if (this.#servesHttp) logLostUpgrade(request)
      return done()
    }, onRequest)
    // Not async: if Fastify could not read the error, the promise would reject with nobody to handle it.
    options.onError = first((_request: FastifyRequest, reply: FastifyReply, _error: Error, done: () => void) => {
      const opening = Opening.of(reply.raw)
      if (opening !== undefined) this.route.refuseAfterAll(opening, reply)
      done()
    }, onError)
  }
}

/** A list of hooks: ours, then the route's own. */
function first (hook: Function, others: unknown): any {
  return [hook].concat(others as Function[] ?? [])
}
