import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Opening } from '../handshake/opening.ts'
import { internal } from './fastify-internals.ts'
import { declarationOf } from './first-hooks.ts'
import { rememberListeners } from './untaken.ts'

/** Milliseconds that a constraint of a route may take to say whether it holds. */
const PATIENCE = 10_000

/**
 * Has Fastify's own router say whether a WebSocket route is there for a request: no copy of it would be right for ever.
 * Our first hook tells the opening; for what is not ours it is the last thing that happens, and the request is as before.
 *
 * @param onDecided called when that is known, `opening.isTheirs` says what
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
      // Where Fastify keeps what its onTimeout hooks need.
      if (socket._meta !== _meta) socket._meta = _meta
      // `rewriteUrl` has changed it.
      request.url = url!
      if (request.originalUrl !== originalUrl) request.originalUrl = originalUrl
    }
    onDecided()
  }
  opening.ask(() => {
    delete (request as Partial<IncomingMessage>).destroy
    clearTimeout(timer)
    // Fastify is still at it.
    if (!isRouting) queueMicrotask(decided)
  })
  // How Fastify answers to a `rewriteUrl` that returns no string.
  request.destroy = () => {
    opening.decide(false)
    return request
  }
  try {
    app.routing(request, opening.response as ServerResponse)
  } catch {
    // `rewriteUrl` has failed; what hooks throw is caught by Fastify.
    opening.decide(false)
  }
  isRouting = false
  // A constraint may take its time.
  if (opening.isAsked) timer = setTimeout(giveUp, PATIENCE)
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
 * Leaves what is not ours out of the log, where it would be a request that has come and is never answered. Fastify
 * before 5.10 cannot be told.
 */
export function keepOutOfLog (app: FastifyInstance): void {
  const controller = internal<LogController>(app, 'logController')
  if (controller === undefined) return
  // Apps may share one.
  if (controller[kQuiet] || !Object.isExtensible(controller)) return
  controller[kQuiet] = true
  const { incomingRequest } = controller
  controller.incomingRequest = (request, reply, ...rest) => {
    if (!isForeign(request, reply)) incomingRequest.call(controller, request, reply, ...rest)
  }
}

/** Whether a request was only asked about, even if a constraint has its answer when nobody asks any more. */
function isForeign (request: FastifyRequest, reply: FastifyReply): boolean {
  const opening = Opening.of(reply.raw)
  return opening !== undefined && (opening.isAsked || opening.isTheirs) && !declarationOf(request)
}
