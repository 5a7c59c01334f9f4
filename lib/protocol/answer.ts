import { acceptKey, type HandshakeHeaders, hasToken } from './handshake.ts'

/**
 * The first rule of RFC 6455 §4.1 that a 101 breaks, or null. The client must then fail the connection.
 *
 * @param key the `Sec-WebSocket-Key` of the request
 */
export function checkSwitch (headers: HandshakeHeaders, key: string): string | null {
  if (String(headers.upgrade).toLowerCase() !== 'websocket') return 'the header Upgrade of a 101 must be "websocket" (RFC 6455 section 4.1)'
  if (!hasToken(headers.connection, 'upgrade')) return 'the header Connection of a 101 must contain the token "Upgrade" (RFC 6455 section 4.1)'
  if (headers['sec-websocket-accept'] !== acceptKey(key)) {
    return 'the header Sec-WebSocket-Accept does not answer the key: something that is no WebSocket server, such as a cache, has answered (RFC 6455 section 4.1)'
  }
  return null
}

/**
 * What is wrong with the subprotocol of an accepted handshake, or null. None at all is a fault too if there were offers: RFC 6455
 * leaves that to the client, and the WebSocket of browsers fails the connection.
 */
export function checkProtocol (headers: HandshakeHeaders, offered: readonly string[]): string | null {
  const chosen = headers['sec-websocket-protocol']
  if (chosen === undefined) return offered.length === 0 ? null : `the server accepted none of the subprotocols ${offered.join(', ')}`
  return offered.includes(String(chosen)) ? null : `the server chose the subprotocol '${String(chosen)}', which was not offered (RFC 6455 section 4.1)`
}
