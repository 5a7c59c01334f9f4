import { connect, type Socket } from 'node:net'
import { handshake } from '../../support/raw-client.ts'

const READ_BUFFER = 256 * 1024

/** All connections are read into one buffer, one after the other, so that reading allocates nothing. */
export const buffer = Buffer.allocUnsafeSlow(READ_BUFFER)

export interface Connection {
  socket: Socket
  /** The server's response to the handshake. */
  head: string
}

export interface Options {
  port: number
  headers?: Record<string, string>
  localAddress?: string
  /** Called with the number of bytes that are in `buffer`, once the handshake is through. */
  received: (length: number) => void
  /** Called with whatever makes the measurement worthless. */
  failed: (error: Error) => void
}

/** Passes the handshake. */
export function open (options: Options): Promise<Connection> {
  return new Promise((resolve, reject) => {
    let head = ''
    let greeted = false
    const socket = connect({
      port: options.port,
      host: '127.0.0.1',
      localAddress: options.localAddress,
      noDelay: true,
      onread: {
        buffer,
        callback (length) {
          try {
            if (greeted) options.received(length)
            else greet(length)
          } catch (error) {
            options.failed(error as Error)
          }
          return true
        }
      }
    })
    socket.on('error', error => {
      reject(error)
      options.failed(error)
    })
    socket.on('end', () => { options.failed(new Error('the server ended a connection')) })
    socket.write(handshake('/', options.headers))

    function greet (length: number): void {
      head += buffer.toString('latin1', 0, length)
      if (!head.endsWith('\r\n\r\n')) return
      if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(`the handshake was refused: ${head}`)
      greeted = true
      resolve({ socket, head })
    }
  })
}

/** Ends them by a reset, which leaves no port in TIME_WAIT. */
export function reset (sockets: Iterable<Socket>): void {
  for (const socket of sockets) {
    socket.removeAllListeners('end')
    socket.removeAllListeners('error')
    socket.on('error', () => {})
    socket.resetAndDestroy()
  }
}
