import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { masked } from '../support/frames.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { ReplyCounter } from './reply-counter.ts'
import type { ServerProcess } from './server-process.ts'

export interface Load {
  connections: number
  /** Messages on their way, per connection. */
  inFlight: number
  /** Bytes in a message. */
  size: number
}

export interface Measurement {
  repliesPerSecond: number
  /** Share of one core that the generator used. At 1 it may be what was measured. */
  generatorCpu: number
  serverCpu: number
}

const TEXT = 1
const READ_BUFFER = 256 * 1024

/** Keeps a load on an echo server and counts the replies of the measured time. */
export async function measure (
  server: ServerProcess, load: Load, warmUp: number, seconds: number
): Promise<Measurement> {
  const frame = masked(TEXT, 'x'.repeat(load.size))
  const frames = Buffer.concat(Array.from({ length: load.inFlight }, () => frame))
  // All connections are read into one buffer, one after the other, so that reading allocates nothing.
  const buffer = Buffer.allocUnsafeSlow(READ_BUFFER)
  let replies = 0
  let failed: ((error: Error) => void) | null = null
  const failure = new Promise<never>((_resolve, reject) => { failed = reject })

  function open (): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const counter = new ReplyCounter(load.size)
      let head = ''
      const socket = connect({
        port: server.port,
        host: '127.0.0.1',
        noDelay: true,
        onread: {
          buffer,
          callback (length) {
            try {
              if (head.endsWith('\r\n\r\n')) received(length)
              else greeted(length)
            } catch (error) {
              failed!(error as Error)
            }
            return true
          }
        }
      })
      socket.on('error', failed!)
      socket.on('end', () => { failed!(new Error('the server ended a connection')) })
      socket.write(handshake('/'))

      function greeted (length: number): void {
        head += buffer.toString('latin1', 0, length)
        if (!head.endsWith('\r\n\r\n')) return
        if (head.startsWith('HTTP/1.1 101 ')) resolve(socket)
        else reject(new Error(`the handshake was refused: ${head}`))
      }

      function received (length: number): void {
        const complete = counter.push(buffer, 0, length)
        replies += complete
        // Every reply makes room for one more message.
        if (complete > 0) socket.write(frames.subarray(0, complete * frame.length))
      }
    })
  }

  async function run (): Promise<Measurement> {
    const sockets = await Promise.all(Array.from({ length: load.connections }, open))
    for (const socket of sockets) socket.write(frames)
    await wait(warmUp * 1000)
    const before = { server: await server.cpuSeconds(), own: process.cpuUsage(), replies, at: performance.now() }
    await wait(seconds * 1000)
    const elapsed = (performance.now() - before.at) / 1000
    const counted = replies - before.replies
    const own = process.cpuUsage(before.own)
    const serverSeconds = await server.cpuSeconds() - before.server
    for (const socket of sockets) {
      socket.removeAllListeners('end')
      socket.removeListener('error', failed!)
      socket.on('error', () => {})
      socket.destroy()
    }
    return {
      repliesPerSecond: counted / elapsed,
      generatorCpu: (own.user + own.system) / 1e6 / elapsed,
      serverCpu: serverSeconds / elapsed
    }
  }

  return await Promise.race([run(), failure])
}

/** That the server echoes at all, byte by byte: the load itself looks at headers only. */
export async function checkEcho (server: ServerProcess): Promise<void> {
  const client = await RawClient.open(server.port, '/')
  const text = 'is this an echo? ¿ä€🌍'
  client.send(TEXT, text)
  const reply = await client.frame()
  if (reply.opcode !== TEXT || reply.payload.toString() !== text) throw new Error(`${server.name} is no echo server`)
  await client.destroy()
}
