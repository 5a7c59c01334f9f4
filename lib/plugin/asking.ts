import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Opening } from '../handshake/opening.ts'
import { internal } from './fastify-internals.ts'
import { declarationOf } from './first-hooks.ts'
import { rememberListeners } from './untaken.ts'

/** Milliseconds that a route's asynchronous constraint may take. */
const CONSTRAINT_TIMEOUT = 10_000

/**
 * Asks Fastify's own router whether a request has a WebSocket route; a copy of the router would not stay right forever.
 * Our first hook tells the opening. If the request is not ours, it goes no further, and is put back as it came.
 *
 * @param onDecided called when that is known; `opening.isTheirs` says whose the request is
 */
export function askFastify (app: FastifyInstance, opening: Opening, onDecided: () => void): void {
  const request = opening.response.req as IncomingMessage & { originalUrl?: string | undefined }
  const { url, originalUrl } = request
  const socket = opening.transport as Duplex & { _meta?: unknown }
  const { _meta } = socket
  const restore = [request, opening.response, socket].map(rememberListeners)
  let isRouting = true
  let hasWaited = false
  let timer: NodeJS.Timeout | undefined
  const decided = (): void => {
    if (opening.isTheirs) {
      opening.restore(!hasWaited)
      for (const one of restore) one()
      // Fastify keeps data for its onTimeout hooks there.
      if (socket._meta !== _meta) socket._meta = _meta
      // `rewriteUrl` may have changed it.
      request.url = url!
      if (request.originalUrl !== originalUrl) request.originalUrl = originalUrl
    }
    onDecided()
  }
  opening.ask(() => {
    delete (request as Partial<IncomingMessage>).destroy
    clearTimeout(timer)
    // We are inside Fastify's hook: let it return first.
    if (!isRouting) queueMicrotask(decided)
  })
  // Fastify calls this when `rewriteUrl` does not return a string.
  request.destroy = () => {
    opening.decide(false)
    return request
  }
  try {
    app.routing(request, opening.response as ServerResponse)
  } catch {
    // `rewriteUrl` has thrown; Fastify itself catches what hooks throw.
    opening.decide(false)
  }
  isRouting = false
  // An asynchronous constraint is still at work.
  if (opening.isAsked) timer = setTimeout(giveUp, CONSTRAINT_TIMEOUT)
  else decided()

  function giveUp (): void {
    hasWaited = true
    opening.decide(false)
  }
}

const kQuiet = Symbol('fastify-sockets.quiet')

interface LogController {
  [kQuiet]?: boolean
  incomingRequest (request: FastifyRequest, reply: FastifyReply, ...rest: unknown[]): void
}

/**
 * Leaves requests of other listeners out of the log, where they would look like requests that nobody answered. Fastify
 * before 5.10 has no way to do this.
 */
export function keepOutOfLog (app: FastifyInstance): void {
  const controller = internal<LogController>(app, 'logController')
  if (controller === undefined) return
  // Several apps may share one controller.
  if (controller[kQuiet] || !Object.isExtensible(controller)) return
  controller[kQuiet] = true
  const { incomingRequest } = controller
  controller.incomingRequest = (request, reply, ...rest) => {
    if (!isForeign(request, reply)) incomingRequest.call(controller, request, reply, ...rest)
  }
}

/** Whether Fastify only had to say whose the request is; true as well if a constraint answers after we gave up. */
function isForeign (request: FastifyRequest, reply: FastifyReply): boolean {
  const opening = Opening.of(reply.raw)
  return opening !== undefined && (opening.isAsked || opening.isTheirs) && !declarationOf(request)
}
