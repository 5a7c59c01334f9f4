import type { Server } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { FST_ERR_WS_HANDSHAKE, FST_ERR_WS_UPGRADE_REQUIRED, FST_ERR_WS_VERSION } from '../errors.ts'
import { logInfo, shown } from '../live/log.ts'
import { checkExtendedConnect, checkUpgrade, type HandshakeHeaders, hasToken, VERSION } from '../protocol/handshake.ts'

/** How many headers of a request Node keeps, unless `server.maxHeadersCount` is set. */
const DEFAULT_MAX_HEADERS = 1000

/**
 * Refuses a plain request to a route for upgrades only, in place of its handler. The status says that a handshake would be let
 * in: browsers, which do not see why one fails, ask for it by `fetch`.
 *
 * @throws {FST_ERR_WS_UPGRADE_REQUIRED}
 */
export function requireUpgrade ({ raw, url }: FastifyRequest, reply: FastifyReply): never {
  // A 426 names the protocol to upgrade to (RFC 9110 §15.5.22 and §7.8). HTTP/2 has no such headers.
  if (raw.httpVersionMajor === 1) {
    reply.header('upgrade', 'websocket').header('connection', reply.raw.shouldKeepAlive ? 'Upgrade' : 'close, Upgrade')
  }
  // Cut, because Fastify logs the error, with its text twice.
  throw new FST_ERR_WS_UPGRADE_REQUIRED(shown(url), lostUpgrade(raw) ?? 'connect with a WebSocket client')
}

/** Logs a plain request that may have been a handshake, on a route that serves both: its client cannot learn what went wrong. */
export function logLostUpgrade (request: FastifyRequest): void {
  const lost = lostUpgrade(request.raw)
  if (lost !== null) logInfo({ request }, { lost }, 'a WebSocket handshake is served as a plain request')
}

/** What is wrong with a request that seems to have left its client as a WebSocket handshake; null if it does not. */
function lostUpgrade ({ headers, httpVersion }: FastifyRequest['raw']): string | null {
  if (headers['sec-websocket-key'] === undefined && headers['sec-websocket-version'] === undefined) return null
  if (httpVersion === '2.0') return 'over HTTP/2 a handshake is an extended CONNECT (RFC 8441), not a GET; something on the way has changed it'
  const faults = [
    httpVersion === '1.0' ? 'HTTP/1.0 has no upgrade' : '',
    lostToken('Upgrade', headers.upgrade, 'websocket'),
    lostToken('Connection', headers.connection, 'Upgrade')
  ].filter(fault => fault !== '')
  // All headers are there, and yet Node saw no upgrade: the request did not come through a server.
  if (faults.length === 0) return 'this handshake did not come through a Node.js server; app.inject() cannot upgrade, app.injectWS() can'
  return `this handshake has lost something on its way (${faults.join(', ')}); a proxy must pass it on. ` +
    'nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
}

function lostToken (name: string, value: string | undefined, token: string): string {
  if (value === undefined) return `the header ${name} is missing`
  return hasToken(value, token.toLowerCase()) ? '' : `the header ${name} is '${shown(value)}', without '${token}'`
}

/** @throws {FST_ERR_WS_HANDSHAKE | FST_ERR_WS_VERSION} when the request breaks RFC 6455 §4.2.1 or RFC 8441 §5 */
export function checkHeaders (request: FastifyRequest, reply: FastifyReply): void {
  const { raw } = request
  const isHttp2 = raw.httpVersionMajor === 2
  const headers = raw.headers as HandshakeHeaders
  // Node silently drops the headers beyond this count; the Origin may be among them.
  const max = (request.server.server as Server).maxHeadersCount ?? DEFAULT_MAX_HEADERS
  if (!isHttp2 && max > 0 && raw.rawHeaders.length >= max * 2) throw new FST_ERR_WS_HANDSHAKE('too many headers')
  const fault = isHttp2
    ? checkExtendedConnect(headers, raw.rawHeaders, (raw as unknown as Http2ServerRequest).stream.endAfterHeaders)
    : checkUpgrade(raw.httpVersion, headers, raw.rawHeaders)
  if (fault === null) return
  if (fault.status === 400) {
    // By default, nginx speaks HTTP/1.0 to a server.
    throw new FST_ERR_WS_HANDSHAKE(raw.httpVersion === '1.0' ? `${fault.message}; nginx: proxy_http_version 1.1;` : fault.message)
  }
  reply.header('sec-websocket-version', VERSION)
  if (!isHttp2) reply.header('upgrade', 'websocket').header('connection', 'close, Upgrade')
  throw new FST_ERR_WS_VERSION(fault.message)
}
