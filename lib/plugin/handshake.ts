import type { Server } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RefusalMessage } from '../../types/diagnostics.ts'
import { FST_ERR_WS_HANDSHAKE, FST_ERR_WS_UPGRADE_REQUIRED, FST_ERR_WS_VERSION } from '../errors.ts'
import { checkExtendedConnect, checkUpgrade, type HandshakeHeaders, VERSION } from '../protocol/handshake.ts'
import { refusals } from './diagnostics.ts'
import type { Seat } from './limits.ts'
import { logError, logInfo, shown } from './log.ts'
import type { Tally } from './tally.ts'
import type { OpeningHost } from './opening.ts'

/** Headers that Node keeps of a request unless `server.maxHeadersCount` says otherwise. */
const DEFAULT_MAX_HEADERS = 1000

/** A handshake that has a route. */
export class Handshake implements OpeningHost {
  readonly request: FastifyRequest
  readonly timeout: number
  /** Null where nothing is limited. */
  seat: Seat | null = null

  readonly #tally: Tally

  /** @param timeout how long hooks may take, in milliseconds */
  constructor (request: FastifyRequest, tally: Tally, timeout: number) {
    this.request = request
    this.timeout = timeout
    this.#tally = tally
  }

  onTimeout (): void {
    logInfo(this, { timeout: this.timeout }, "hooks take too long: see the WebSocket option 'handshakeTimeout'")
  }

  onError (error: unknown): void {
    logError(this, 'error', error, 'websocket handshake failed')
  }

  onRefused (statusCode: number | null): void {
    this.#tally.refused++
    this.seat?.giveUp()
    if (refusals.hasSubscribers) refusals.publish({ request: this.request, statusCode } satisfies RefusalMessage)
  }
}

/**
 * A plain request to a route for upgrades only.
 *
 * @throws {FST_ERR_WS_UPGRADE_REQUIRED}
 */
export function requireUpgrade ({ raw, url }: FastifyRequest, reply: FastifyReply): never {
  // RFC 9110 §15.5.22 and §7.8: a 426 names the protocol to upgrade to. HTTP/2 has no such headers.
  if (raw.httpVersionMajor === 1) {
    reply.header('upgrade', 'websocket').header('connection', reply.raw.shouldKeepAlive ? 'Upgrade' : 'close, Upgrade')
  }
  // The error is logged, with its text twice.
  throw new FST_ERR_WS_UPGRADE_REQUIRED(shown(url))
}

/** @throws {FST_ERR_WS_HANDSHAKE | FST_ERR_WS_VERSION} the request breaks RFC 6455 §4.2.1 or RFC 8441 §5 */
export function checkHeaders (request: FastifyRequest, reply: FastifyReply): void {
  const { raw } = request
  const isHttp2 = raw.httpVersionMajor === 2
  const headers = raw.headers as HandshakeHeaders
  // Node drops what comes after so many and says nothing; it may have been the Origin.
  const most = (request.server.server as Server).maxHeadersCount ?? DEFAULT_MAX_HEADERS
  if (!isHttp2 && most > 0 && raw.rawHeaders.length >= most * 2) throw new FST_ERR_WS_HANDSHAKE('too many headers')
  const fault = isHttp2
    ? checkExtendedConnect(headers, raw.rawHeaders, (raw as unknown as Http2ServerRequest).stream.endAfterHeaders)
    : checkUpgrade(raw.httpVersion, headers, raw.rawHeaders)
  if (fault === null) return
  if (fault.status === 400) throw new FST_ERR_WS_HANDSHAKE(fault.message)
  reply.header('sec-websocket-version', VERSION)
  if (!isHttp2) reply.header('upgrade', 'websocket').header('connection', 'close, Upgrade')
  throw new FST_ERR_WS_VERSION(fault.message)
}
