import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { FST_ERR_WS_LOADED_LATE } from '../errors.ts'
import { Opening } from '../handshake/opening.ts'
import { shown } from '../live/log.ts'
import type { AnyRouteOptions } from './declared-options.ts'
import { internal } from './fastify-internals.ts'

/** What a handshake needs of a route's `Declaration`. */
interface MetDeclaration {
  readonly route: {
    begin (opening: Opening, request: FastifyRequest, reply: FastifyReply): void
  }
}

/** The key of the `Declaration` in a route's config; null there means that the route is not ours. */
export const kRoute = Symbol('fastify-sockets.route')

/** The declaration of the route that a request has found; null or undefined if the route is not ours. */
export function declarationOf (request: FastifyRequest): MetDeclaration | null | undefined {
  return (request.routeOptions.config as { [kRoute]?: MetDeclaration | null })[kRoute]
}

/**
 * Our onRequest hook on every instance that is created after this module was loaded. It comes first of all: hooks of the
 * app and its plugins run before a route's own.
 */
export function meetHandshake (request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  const opening = Opening.of(reply.raw)
  if (opening === undefined) return done()
  const declaration = declarationOf(request)
  opening.decide(Boolean(declaration))
  if (opening.isTheirs) {
    reply.hijack()
  } else if (!declaration && !opening.mayBeHttp && !request.is404) {
    reply.callNotFound()
  } else {
    declaration?.route.begin(opening, request, reply)
    done()
  }
}

/*
 * An app may be older than this module, for instance with `app.register(import('fastify-sockets'))` or a plugin loader. We
 * see the routes that are declared after that, as in any other app, but not those from before.
 */

type Hooks = Record<string, Function[]>

/** Adds hooks to all instances of such an app, ahead of those that they already have. */
export function addFirstHooks (app: FastifyInstance, hooks: Record<string, Function>): void {
  for (const [name, hook] of Object.entries(hooks)) internal<Hooks>(app, 'hooks')![name]!.unshift(hook)
  for (const child of internal<FastifyInstance[]>(app, 'children')!) addFirstHooks(child, hooks)
}

/** Notes that we have seen a route's declaration. */
export function markSeen (options: AnyRouteOptions): void {
  options.config = { ...options.config, [kRoute]: null } as typeof options.config
}

/** `meetHandshake` for an app whose routes may be older than this module. */
export function meetLate (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void {
  const opening = Opening.of(reply.raw)
  const isUnknown = opening !== undefined && !opening.isAsked && declarationOf(request) === undefined && !request.is404
  if (isUnknown) done(new FST_ERR_WS_LOADED_LATE(shown(request.routeOptions.url!)))
  else meetHandshake(request, reply, done)
}
