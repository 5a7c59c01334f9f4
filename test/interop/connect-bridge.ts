import { createServer, type IncomingMessage } from 'node:http'
import { type ClientHttp2Session, connect, type SecureClientSessionOptions } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { type Duplex, pipeline } from 'node:stream'
import type { Test } from 'tap'
import { acceptFor } from '../support/acceptance.ts'


/** RFC 8441 §5 has no use for these, and RFC 9113 §8.2.2 forbids some. */
const OWN = ['host', 'connection', 'upgrade', 'sec-websocket-key', 'sec-websocket-accept']

/**
 * As much as Chromium lets be sent to it, by stream and in all. Where both the client and the server keep to the 64 KiB
 * of RFC 9113 §6.9.2, HAProxy 2.6 and 3.0 with HTTP/2 on both sides come to a halt when much goes both ways at once: it
 * reads no WINDOW_UPDATE that comes behind data for which it has no room.
 */
const WINDOW = 6 * 1024 * 1024
const CONNECTION_WINDOW = 15 * 1024 * 1024

/**
 * Makes an extended CONNECT (RFC 8441) of every upgrade, so that clients which know HTTP/1.1 alone can be had over
 * HTTP/2. Each has a connection of its own, from the address that the client has come from.
 *
 * @param target the server, such as `https://127.0.0.1:41234`; its certificate is not looked at
 * @returns the bridge's own URL, such as `ws://127.0.0.1:41235`
 */
export async function startBridge (t: Test, target: string): Promise<string> {
  const server = createServer()
  const sessions = new Set<ClientHttp2Session>()
  server.on('upgrade', (request, socket: Duplex) => {
    const options: SecureClientSessionOptions & { localAddress: string } = {
      rejectUnauthorized: false,
      localAddress: request.socket.remoteAddress!,
      settings: { enablePush: false, initialWindowSize: WINDOW }
    }
    const session = connect(target, options)
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
    session.on('error', error => socket.destroy(error))
    session.once('connect', () => session.setLocalWindowSize(CONNECTION_WINDOW))
    session.once('remoteSettings', ({ enableConnectProtocol }) => {
      if (enableConnectProtocol === true) bridge(request, socket, session, new URL(target))
      else socket.destroy()
    })
    socket.on('close', () => session.close())
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    for (const session of sessions) session.destroy()
    server.close()
    server.closeAllConnections()
  })
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function bridge (request: IncomingMessage, socket: Duplex, session: ClientHttp2Session, target: URL): void {
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': target.protocol.slice(0, -1),
    ':authority': target.host,
    ':path': request.url,
    ...Object.fromEntries(others(request.headers))
  }, { endStream: false })
  stream.on('error', error => socket.destroy(error))
  stream.on('response', headers => {
    const isOpen = headers[':status'] === 200
    const head = others(headers).map(([name, value]) => `${name}: ${value}`)
    if (isOpen) {
      const accept = acceptFor(request.headers['sec-websocket-key'])
      head.unshift('HTTP/1.1 101 OK', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`)
    } else {
      head.unshift(`HTTP/1.1 ${headers[':status']} Refused`, 'Connection: close')
    }
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    if (isOpen) pipeline(socket, stream, () => {})
    pipeline(stream, socket, () => {})
  })
}

function others (headers: object): Array<[string, string]> {
  return Object.entries(headers).filter(([name]) => !name.startsWith(':') && !OWN.includes(name))
}
