import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { acceptance } from '../support/acceptance.ts'
import { closeBody, frame } from '../support/frames.ts'

/** What stands behind the 101 in the same packet, by path. */
const BEHIND: Record<string, Buffer> = {
  '/first': frame(1, '{"text":"first"}'),
  '/first-two': Buffer.concat([frame(1, '{"text":"first"}'), frame(1, '{"text":"second"}')]),
  // An opcode that there is not.
  '/violation': frame(3, ''),
  '/first-violation': Buffer.concat([frame(1, '{"text":"first"}'), frame(3, '')]),
  '/first-close': Buffer.concat([frame(1, '{"text":"first"}'), frame(8, closeBody(4400, 'at once'))]),
  // Says nothing and answers nothing, not even a close frame.
  '/mute': Buffer.alloc(0)
}

/** A server of raw bytes for what no server of ours does. */
export async function startRawAnswers (): Promise<{ port: number, connections: (url: string) => number, close: () => Promise<void> }> {
  const sockets = new Set<Socket>()
  const urls: string[] = []
  const server = createServer(socket => {
    sockets.add(socket)
    let request = ''
    socket.on('error', () => {}).on('close', () => sockets.delete(socket)).on('data', bytes => {
      if (request.endsWith('\r\n\r\n')) return
      request += bytes.toString('latin1')
      if (request.endsWith('\r\n\r\n')) answer(socket, request)
    })
  })

  function answer (socket: Socket, request: string): void {
    const url = request.split(' ')[1]!
    const path = url.replace(/\?.*/, '')
    if (path === '/refused-slowly') {
      const origin = /^origin: (.*)$/im.exec(request)![1]!.trim()
      socket.write(`HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\nAccess-Control-Allow-Origin: ${origin}\r\n` +
        'Access-Control-Allow-Credentials: true\r\n\r\nbeginning')
      return
    }
    const behind = BEHIND[path]
    if (!/^sec-websocket-key: /im.test(request) || behind === undefined) {
      socket.end('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: close\r\nAccess-Control-Allow-Origin: *\r\n\r\n')
      return
    }
    urls.push(url)
    socket.write(Buffer.concat([Buffer.from(acceptance(request)), behind]))
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    connections: wanted => urls.filter(url => url === wanted).length,
    async close () {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    }
  }
}
