import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket as TcpSocket } from 'node:net'
import type { Test } from 'tap'
import { acceptance } from './acceptance.ts'
import { until } from './until.ts'

/** Says what a raw server answers to a request. */
type Answer = (connection: RawConnection) => void

/** A connection to a raw server, whose request has come. */
export interface RawConnection {
  socket: TcpSocket
  /** The head of the request. */
  request: string
  /** The bytes that accept it. */
  accepted: string
}

export interface RawServer {
  url: string
  connections: RawConnection[]
  connection (number: number): Promise<RawConnection>
}

/** A server of raw bytes, gone when the test ends. */
export async function rawServer (t: Test, answer: Answer = () => {}): Promise<RawServer> {
  const sockets = new Set<TcpSocket>()
  const connections: RawConnection[] = []
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => { sockets.delete(socket) })
    let head = ''
    socket.on('data', function onData (chunk) {
      head += chunk.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      socket.off('data', onData)
      const connection = { socket, request: head, accepted: acceptance(head) }
      connections.push(connection)
      answer(connection)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections,
    async connection (number) {
      await until(() => connections.length > number, `connection ${number}`)
      return connections[number]!
    }
  }
}

/** A response of a raw server, the last one on its connection. */
export function response (status: number, body = '', headers: Record<string, string> = {}): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return `HTTP/1.1 ${status} Status\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n${lines}\r\n${body}`
}
