import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { FST_ERR_WS_LOADED_LATE } from '../errors.ts'
import { Opening } from '../handshake/opening.ts'
import { shown } from '../live/log.ts'
import type { AnyRouteOptions } from './declared-options.ts'
import { internal } from './fastify-internals.ts'

/** The declaration of a WebSocket route, as a handshake meets it. */
interface MetDeclaration {
  readonly route: {
    begin (opening: Opening, request: FastifyRequest, reply: FastifyReply): void
  }
}

/** Under this name the config of a route carries its `Declaration`, or null where it is known to be none of ours. */
export const kRoute = Symbol('fastify-sockets.route')

/** The WebSocket route that a request has found. */
export function declarationOf (request: FastifyRequest): MetDeclaration | null | undefined {
  return (request.routeOptions.config as { [kRoute]?: MetDeclaration | null })[kRoute]
}

/**
 * The first onRequest hook of every instance that is created after this module was loaded: those of the app and of
 * plugins come before those of a route.
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
 * An app may be older than this module: by `app.register(import('fastify-sockets'))`, or by a loader of plugins. What is
 * declared from then on is seen as in any other app, and what was declared before is not.
 */

type Hooks = Record<string, Function[]>

/** Adds hooks to all instances of such an app, before those that are there already. */
export function addFirstHooks (app: FastifyInstance, hooks: Record<string, Function>): void {
  for (const [name, hook] of Object.entries(hooks)) internal<Hooks>(app, 'hooks')![name]!.unshift(hook)
  for (const child of internal<FastifyInstance[]>(app, 'children')!) addFirstHooks(child, hooks)
}

/** Notes that a route was declared when this module was there. */
export function markSeen (options: AnyRouteOptions): void {
  options.config = { ...options.config, [kRoute]: null } as typeof options.config
}

/** `meetHandshake`, where routes may have been declared before that. */
export function meetLate (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void {
  const opening = Opening.of(reply.raw)
  const isUnknown = opening !== undefined && !opening.isAsked && declarationOf(request) === undefined && !request.is404
  if (isUnknown) done(new FST_ERR_WS_LOADED_LATE(shown(request.routeOptions.url!)))
  else meetHandshake(request, reply, done)
}
