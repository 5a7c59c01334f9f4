import type { Server } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { FST_ERR_WS_HANDSHAKE, FST_ERR_WS_UPGRADE_REQUIRED, FST_ERR_WS_VERSION } from '../errors.ts'
import { logInfo, shown } from '../live/log.ts'
import { checkExtendedConnect, checkUpgrade, type HandshakeHeaders, hasToken, VERSION } from '../protocol/handshake.ts'

/** Headers that Node keeps of a request unless `server.maxHeadersCount` says otherwise. */
const DEFAULT_MAX_HEADERS = 1000

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
  throw new FST_ERR_WS_UPGRADE_REQUIRED(shown(url), lostUpgrade(raw) ?? 'connect with a WebSocket client')
}

/** A plain request to a route that serves those as well: its client may have wanted a socket, and gets no word of why not. */
export function logLostUpgrade (request: FastifyRequest): void {
  const lost = lostUpgrade(request.raw)
  if (lost !== null) logInfo({ request }, { lost }, 'a WebSocket handshake is served as a plain request')
}

/** What a request has lost on its way that was a WebSocket handshake when it was sent; null: it was none. */
function lostUpgrade ({ headers, httpVersion }: FastifyRequest['raw']): string | null {
  if (headers['sec-websocket-key'] === undefined && headers['sec-websocket-version'] === undefined) return null
  if (httpVersion === '2.0') return 'over HTTP/2 a handshake is an extended CONNECT (RFC 8441), not a GET; something on the way has changed it'
  const faults = [
    httpVersion === '1.0' ? 'HTTP/1.0 knows no upgrade' : '',
    lostToken('Upgrade', headers.upgrade, 'websocket'),
    lostToken('Connection', headers.connection, 'Upgrade')
  ].filter(fault => fault !== '')
  // Headers that are whole, and yet no upgrade, are those of a request that came by no server.
  if (faults.length === 0) return 'this handshake did not come through a server of Node.js; app.inject() knows no upgrade, app.injectWS() does'
  return `this handshake has lost something on its way (${faults.join(', ')}); a proxy must pass it on. ` +
    'nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
}

function lostToken (name: string, value: string | undefined, token: string): string {
  if (value === undefined) return `the header ${name} is missing`
  return hasToken(value, token.toLowerCase()) ? '' : `the header ${name} is '${shown(value)}', without '${token}'`
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
  if (fault.status === 400) {
    // What nginx speaks to a server unless it is told otherwise.
    throw new FST_ERR_WS_HANDSHAKE(raw.httpVersion === '1.0' ? `${fault.message}; nginx: proxy_http_version 1.1;` : fault.message)
  }
  reply.header('sec-websocket-version', VERSION)
  if (!isHttp2) reply.header('upgrade', 'websocket').header('connection', 'close, Upgrade')
  throw new FST_ERR_WS_VERSION(fault.message)
}
