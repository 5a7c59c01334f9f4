import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** What a server answers to this request for a WebSocket. */
export function answerTo (request: string, ...headers: string[]): string {
  const key = /^sec-websocket-key: *(\S+)/im.exec(request)?.[1] ?? ''
  const accept = createHash('sha1').update(key + GUID).digest('base64')
  return ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`, ...headers, '', ''].join('\r\n')
}

/** Waits for the whole request. A plain one is answered with 426, as Fastify does. */
export function onRequest (socket: Socket, then: (request: string) => void): void {
  let request = ''
  const read = (chunk: Buffer): void => {
    request += chunk.toString('latin1')
    if (!request.includes('\r\n\r\n')) return
    socket.off('data', read)
    if (/^upgrade: websocket/im.test(request)) then(request)
    else socket.end('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  }
  socket.on('data', read)
}

/** Opens the WebSocket; what the client sends afterwards is not read unless somebody listens. */
export function accept (socket: Socket, then: () => void): void {
  onRequest(socket, request => {
    socket.write(answerTo(request))
    then()
  })
}
