import { createHash } from 'node:crypto'

/** Of RFC 6455 §1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** `Sec-WebSocket-Accept` for a key (RFC 6455 §4.2.2). */
export function acceptFor (key: unknown): string {
  return createHash('sha1').update(`${key}${GUID}`).digest('base64')
}

/** The head of the answer of a server that accepts the request with this head. */
export function acceptance (request: string, ...headers: string[]): string {
  const key = /^sec-websocket-key: *(\S+)/im.exec(request)?.[1] ?? ''
  return ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${acceptFor(key)}`, ...headers, '', ''].join('\r\n')
}
