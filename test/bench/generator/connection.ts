import { connect, type Socket, type TcpNetConnectOpts } from 'node:net'
import { connect as connectTls, TLSSocket } from 'node:tls'
import { handshake } from '../../support/raw-client.ts'
import type { Dialect } from '../dialect.ts'

const READ_BUFFER = 256 * 1024

/** All connections are read into one buffer, one after the other, so that reading allocates nothing. */
export const buffer = Buffer.allocUnsafeSlow(READ_BUFFER)

/** Where a connection goes to, and from where. */
export interface Target {
  port: number
  /** Whether over TLS. */
  secure: boolean
  /** Whether HTTP/2. */
  http2: boolean
  localAddress?: string
}

export interface Connection {
  write: (bytes: Buffer) => void
  /** Its own, or that of all streams of an HTTP/2 connection. */
  socket: Socket
  /** The server's response to the handshake of HTTP/1.1, and what else came before the connection was open. */
  head: string
}

export interface Options {
  /** Which connection it is, for a server that has to know it. */
  number?: number
  path?: '/' | '/echo'
  headers?: Record<string, string>
  /** Called with what has come, which is in `buffer`, once the handshake is through. */
  received: (start: number, end: number) => void
  /** Called with whatever makes the measurement worthless. */
  failed: (error: Error) => void
}

/** A socket that is read into `buffer`. */
export function connectTo (
  { port, secure, http2, localAddress }: Target, received: (length: number) => void, failed: (error: Error) => void
): Socket {
  const options: TcpNetConnectOpts = {
    port,
    host: '127.0.0.1',
    localAddress,
    noDelay: true,
    onread: {
      buffer,
      callback (length) {
        try {
          received(length)
        } catch (error) {
          failed(error as Error)
        }
        return true
      }
    }
  }
  const ALPNProtocols = [http2 ? 'h2' : 'http/1.1']
  const socket = secure ? connectTls({ ...options, ALPNProtocols, rejectUnauthorized: false }) : connect(options)
  socket.on('error', failed)
  socket.on('end', () => { failed(new Error('the server ended a connection')) })
  return socket
}

/** Passes the handshake, and that of the dialect. */
export function open (target: Target, dialect: Dialect, options: Options): Promise<Connection> {
  return new Promise((resolve, reject) => {
    let head = ''
    let saidHello = false
    let greeted = false
    const socket = connectTo(target, length => {
      if (greeted) options.received(0, length)
      else greet(length)
    }, error => {
      reject(error)
      options.failed(error)
    })
    socket.write(handshake(dialect.url(options.path ?? '/', options.number), options.headers))

    function greet (length: number): void {
      head += buffer.toString('latin1', 0, length)
      if (!head.includes('\r\n\r\n')) return
      if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(`the handshake was refused: ${head}`)
      if (dialect.hello !== null && !saidHello) socket.write(dialect.hello)
      saidHello = true
      if (!dialect.isOpen(head)) return
      greeted = true
      resolve({ socket, head, write (bytes) { socket.write(bytes) } })
    }
  })
}

/** Ends them by a reset, which leaves no port in TIME_WAIT; Node.js can do that with TCP only. */
export function reset (connections: Iterable<Connection>): void {
  for (const socket of new Set(Array.from(connections, ({ socket }) => socket))) {
    socket.removeAllListeners('end')
    socket.removeAllListeners('error')
    socket.on('error', () => {})
    if (socket instanceof TLSSocket) socket.destroy()
    else socket.resetAndDestroy()
  }
}
