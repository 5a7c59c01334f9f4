import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { SocketOptions } from '../../types/options.ts'
import { FST_ERR_WS_HANDLER, FST_ERR_WS_METHOD, FST_ERR_WS_NOT_REGISTERED } from '../errors.ts'
import { Opening } from '../handshake/opening.ts'
import type { Scope } from '../live/scope.ts'
import { sharedSymbol } from './copies.ts'
import { type AnyRouteOptions, DeclaredOptions, hide } from './declared-options.ts'
import { kRoute } from './first-hooks.ts'
import { logLostUpgrade, requireUpgrade } from './handshake-checks.ts'
import { checkRouteOptions } from './options.ts'
import { type Handler, WebSocketRoute } from './route.ts'
import { MessageSchemas } from './schemas.ts'

/** Under this name an instance carries the scope of the plugin that serves it, inherited as Fastify's decorators are. */
export const kScope = sharedSymbol('scope')

/** A `ws` route from its declaration on. What it is like is known when everything is declared: then it is a `WebSocketRoute`. */
export class Declaration {
  readonly #instance: FastifyInstance
  readonly #url: string
  /** The option `ws`. */
  readonly #own: SocketOptions
  readonly #handler: Handler
  /** Whether plain requests have a handler of their own. */
  readonly #servesHttp: boolean
  readonly #schemas: MessageSchemas
  readonly #declared: DeclaredOptions
  #route: WebSocketRoute | null = null

  /**
   * Takes over a route as it is declared: changes its options so that Fastify routes handshakes to this object.
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
    if (!this.#servesHttp) hide(options)
  }

  /** @see DeclaredOptions.isTwin */
  isTwin (instance: FastifyInstance, options: AnyRouteOptions): boolean {
    return this.#declared.isTwin(instance, options)
  }

  /** A route for upgrades only has no twin: it is declared for no method. */
  takeTwin (options: AnyRouteOptions): void {
    if (this.#servesHttp) return
    options.method = []
    hide(options)
  }

  /**
   * Everything is declared: finds the scope that serves the route, and makes it.
   *
   * @throws {FST_ERR_WS_NOT_REGISTERED}
   */
  boot (): WebSocketRoute {
    const scope = (this.#instance as unknown as Record<symbol, Scope | undefined>)[kScope]
    if (scope === undefined) throw new FST_ERR_WS_NOT_REGISTERED(this.#url)
    this.#schemas.takeBack()
    return this.#route = new WebSocketRoute(scope, {
      instance: this.#instance, url: this.#url, handler: this.#handler, options: this.#own, schemas: this.#schemas
    })
  }

  /** The route, which there is before any request. */
  get route (): WebSocketRoute {
    return this.#route!
  }

  #takeOver (options: AnyRouteOptions): void {
    const { handler, onRequest, onError } = options
    options.config = { ...options.config, [kRoute]: this } as typeof options.config
    options.handler = (request: FastifyRequest, reply: FastifyReply) => {
      const opening = Opening.of(reply.raw)
      if (opening === undefined) return handler.call(this.#instance, request, reply)
      return this.route.accept(opening, request, reply)
    }
    options.onRequest = first((request: FastifyRequest, reply: FastifyReply, done: () => void) => {
      const opening = Opening.of(reply.raw)
      if (opening !== undefined) return this.route.check(opening, request, reply, done)
      if (this.#servesHttp) logLostUpgrade(request)
      else requireUpgrade(request, reply)
      return done()
    }, onRequest)
    // Not asynchronous: an error that Fastify cannot read would be a rejection that nobody takes.
    options.onError = first((_request: FastifyRequest, reply: FastifyReply, _error: Error, done: () => void) => {
      const opening = Opening.of(reply.raw)
      if (opening !== undefined) this.route.refuseAfterAll(opening, reply)
      done()
    }, onError)
  }
}

/** A hook, and behind it those that the route has. */
function first (hook: Function, others: unknown): any {
  return [hook].concat(others as Function[] ?? [])
}
