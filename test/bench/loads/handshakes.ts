import { connect, type Socket } from 'node:net'
import { handshake } from '../../support/raw-client.ts'
import { checkHandshake } from '../checks/client.ts'
import { buffer } from '../generator/connection.ts'
import { failure, Tally, watch } from '../generator/tally.ts'
import type { Measurement, Timing } from '../measurement.ts'
import type { ServerProcess } from '../server-process.ts'
import type { Kind } from './kind.ts'

export interface HandshakeLoad {
  kind: 'handshakes'
  /** Connections that are being opened at any time. */
  inProgress: number
}

export const handshakes: Kind<HandshakeLoad> = {
  unit: 'handshakes/s',
  role: () => 'echo',
  name: ({ inProgress }) => `handshakes, ${inProgress} at a time`,
  small: load => ({ ...load, inProgress: 4 }),
  check: checkHandshake,
  measure
}

const REQUEST = Buffer.from(handshake('/'))
const ACCEPTED = Buffer.from('HTTP/1.1 101 ')
const END = Buffer.from('\r\n\r\n')

/** Opens a connection, waits for the 101, resets it and opens the next, so many at a time. */
async function measure (
  server: ServerProcess, load: HandshakeLoad, timing: Timing
): Promise<Measurement> {
  const tally = new Tally()
  const failing = failure()
  const sockets = new Set<Socket>()
  let stopped = false

  function next (): void {
    const socket = connect({
      port: server.port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer,
        callback (length) {
          // In one piece: it is a few hundred bytes long.
          if (buffer.compare(ACCEPTED, 0, ACCEPTED.length, 0, ACCEPTED.length) !== 0 ||
            buffer.compare(END, 0, END.length, length - END.length, length) !== 0) {
            failing.failed(new Error(`the handshake was refused: ${buffer.toString('latin1', 0, length)}`))
            return false
          }
          tally.add(1)
          // By a reset, which leaves no port in TIME_WAIT.
          socket.resetAndDestroy()
          sockets.delete(socket)
          if (!stopped) next()
          return false
        }
      }
    })
    socket.on('error', failing.failed)
    sockets.add(socket)
    socket.write(REQUEST)
  }

  try {
    for (let i = 0; i < load.inProgress; i++) next()
    return await Promise.race([watch(server, tally, timing), failing.failure])
  } finally {
    stopped = true
    for (const socket of sockets) socket.removeListener('error', failing.failed).on('error', () => {}).resetAndDestroy()
  }
}
