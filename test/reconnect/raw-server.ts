import type { Socket } from 'node:net'
import { acceptance } from '../support/acceptance.ts'

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
    socket.write(acceptance(request))
    then()
  })
}
