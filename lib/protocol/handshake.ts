import { hash } from 'node:crypto'
import { isToken, parseExtensions } from './extensions.ts'

/** The header fields that the opening handshake reads, as Node gives them. */
export type HandshakeHeaders = Record<string, string | string[] | undefined>

/** A rule of the opening handshake that a request breaks. The message names the RFC and its section. */
export interface HandshakeFault {
  status: 400 | 426
  message: string
}

/** The only version there is (RFC 6455 §4.1). */
export const VERSION = '13'

const OTHER_VERSION: HandshakeFault = {
  status: 426, message: `the header Sec-WebSocket-Version must be ${VERSION} (RFC 6455 section 4.4)`
}

/** RFC 6455 §1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** 16 bytes in base64: 22 digits, the last with four unused bits that are 0, and padding (RFC 4648 §4). */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/

/** Whether a comma-separated list contains a token, in upper or lower case (RFC 6455 §4.2.1). */
export function hasToken (header: string | string[] | undefined, token: string): boolean {
  if (header === undefined) return false
  // Most clients send just the one token.
  if (typeof header === 'string' && header.length === token.length) return header.toLowerCase() === token
  return String(header).split(',').some(item => item.trim().toLowerCase() === token)
}

/** Whether the request asks for an upgrade to WebSocket at all; `checkUpgrade` then checks it. */
export function isWebSocketUpgrade (method: string | undefined, headers: HandshakeHeaders): boolean {
  return method === 'GET' && hasToken(headers.upgrade, 'websocket')
}

/**
 * The first rule of RFC 6455 §4.2.1 that an upgrade request breaks, or null.
 *
 * @param httpVersion as in `IncomingMessage.httpVersion`
 * @param rawHeaders names and values in turn, which still show a repeated header
 */
export function checkUpgrade (
  httpVersion: string, headers: HandshakeHeaders, rawHeaders: readonly string[]
): HandshakeFault | null {
  const key = headers['sec-websocket-key']
  if (httpVersion === '1.0') return fault('the handshake needs HTTP/1.1 or higher (RFC 6455 section 4.2.1)')
  const malformed = checkMessage(headers, rawHeaders)
  if (malformed !== null) return malformed
  if (!headers.host) return fault('the header Host is missing (RFC 6455 section 4.2.1)')
  if (!hasToken(headers.connection, 'upgrade')) return fault('the header Connection must contain the token "Upgrade" (RFC 6455 section 4.2.1)')
  if (headers['sec-websocket-version'] !== VERSION) return OTHER_VERSION
  if (typeof key !== 'string' || !KEY.test(key)) return fault('the header Sec-WebSocket-Key must be 16 bytes in base64 (RFC 6455 section 4.2.1)')
  return checkOffers(headers)
}

/**
 * The first rule that an extended CONNECT breaks, or null. RFC 8441 §5 keeps what RFC 6455 says about Origin, version,
 * subprotocols and extensions, and nothing else. HTTP/2 itself has checked the pseudo-header fields.
 *
 * @param hasEnded whether the client has ended the stream with the request
 */
export function checkExtendedConnect (
  headers: HandshakeHeaders, rawHeaders: readonly string[], hasEnded: boolean
): HandshakeFault | null {
  if (hasEnded) return fault('the stream has ended with the request, so no frame can follow (RFC 8441 section 5)')
  const scheme = headers[':scheme']
  // HTTP/2 does not check the path of any other scheme.
  if (scheme !== 'https' && scheme !== 'http') return fault('the scheme must be https or http (RFC 8441 section 5)')
  const malformed = checkMessage(headers, rawHeaders)
  if (malformed !== null) return malformed
  const { host, ':authority': authority } = headers
  if (host !== undefined && String(host).toLowerCase() !== String(authority).toLowerCase()) {
    return fault('the header Host must be the same as :authority (RFC 9113 section 8.3.1)')
  }
  if (headers['sec-websocket-version'] !== VERSION) return OTHER_VERSION
  return checkOffers(headers)
}

function checkMessage (headers: HandshakeHeaders, rawHeaders: readonly string[]): HandshakeFault | null {
  const twice = firstRepeated(rawHeaders)
  if (twice !== null) return fault(`the header ${twice} must not appear more than once (RFC 6455 section 11.3)`)
  if (hasBody(headers)) return fault('a handshake has no body: only frames follow it (RFC 9110 section 7.8)')
  return null
}

function checkOffers (headers: HandshakeHeaders): HandshakeFault | null {
  if (offeredProtocols(headers) === null) return fault('the header Sec-WebSocket-Protocol must be a list of different tokens (RFC 6455 section 4.1)')
  const extensions = headers['sec-websocket-extensions']
  if (extensions !== undefined && parseExtensions(String(extensions)) === null) {
    return fault('the header Sec-WebSocket-Extensions does not follow its grammar (RFC 6455 section 9.1)')
  }
  return null
}

/** A proxy in front of the server may read as a body what we would read as frames. */
function hasBody (headers: HandshakeHeaders): boolean {
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

/** The subprotocols that the client offers, in its order; null if the list is malformed (RFC 6455 §4.1). */
export function offeredProtocols (headers: HandshakeHeaders): string[] | null {
  const header = headers['sec-websocket-protocol']
  if (header === undefined) return []
  const offered = String(header).split(',').map(item => item.trim())
  if (new Set(offered).size !== offered.length || !offered.every(isToken)) return null
  return offered
}

/** `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (RFC 6455 §4.2.2). */
export function acceptKey (key: string): string {
  return hash('sha1', key + GUID, 'base64')
}

/** These may appear only once (RFC 6455 §11.3.1, §11.3.5, RFC 9110 §7.2), but Node keeps the first or joins them. */
const ONCE = new Set(['host', 'origin', 'sec-websocket-key', 'sec-websocket-version'])

function firstRepeated (rawHeaders: readonly string[]): string | null {
  const seen = new Set<string>()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    if (!ONCE.has(name)) continue
    if (seen.has(name)) return rawHeaders[i]!
    seen.add(name)
  }
  return null
}

function fault (message: string): HandshakeFault {
  return { status: 400, message }
}
