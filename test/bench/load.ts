import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { deflate, inflateStrictly, OFFER, RSV1 } from '../support/deflate.ts'
import { masked } from '../support/frames.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { FrameRing } from './frame-ring.ts'
import { jsonMessages } from './messages.ts'
import { ReplyCounter } from './reply-counter.ts'
import type { ServerProcess } from './server-process.ts'

export interface Load {
  connections: number
  /** Messages on their way, per connection. */
  inFlight: number
  /** Bytes in a message, before compression. */
  size: number
  /** Whether the messages are JSON, compressed both ways. */
  deflate?: boolean
}

export interface Measurement {
  repliesPerSecond: number
  /** Share of one core that the generator used. At 1 it may be what was measured. */
  generatorCpu: number
  serverCpu: number
}

const TEXT = 1
const TEXT_WITH_FIN = 0x81
const COMPRESSED_TEXT_WITH_FIN = 0xc1
const READ_BUFFER = 256 * 1024
const DIFFERENT_MESSAGES = 16
/** Twice the largest window of DEFLATE: what comes round again must not be found in it. */
const DIFFERENT_BYTES = 64 * 1024

/** What a connection sends, once it is known what the server agreed to. */
function frames (load: Load, responseHead: string): FrameRing {
  if (load.deflate !== true) return new FrameRing([masked(TEXT, 'x'.repeat(load.size))], load.inFlight)
  const windowBits = agreedWindowBits(/^sec-websocket-extensions: *(.*)$/im.exec(responseHead)?.[1])
  const messages = jsonMessages(Math.max(DIFFERENT_MESSAGES, Math.ceil(DIFFERENT_BYTES / load.size)), load.size)
  return new FrameRing(messages.map(text => masked(TEXT, deflate(text, { windowBits }), { rsv: RSV1 })), load.inFlight)
}

/** Keeps a load on an echo server and counts the replies of the measured time. */
export async function measure (
  server: ServerProcess, load: Load, warmUp: number, seconds: number
): Promise<Measurement> {
  // All connections are read into one buffer, one after the other, so that reading allocates nothing.
  const buffer = Buffer.allocUnsafeSlow(READ_BUFFER)
  // Of all connections too: a server agrees to the same with each of them.
  let ring: FrameRing | undefined
  let replies = 0
  let failed: ((error: Error) => void) | null = null
  const failure = new Promise<never>((_resolve, reject) => { failed = reject })

  function open (): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const counter = load.deflate === true
        ? new ReplyCounter(COMPRESSED_TEXT_WITH_FIN, null)
        : new ReplyCounter(TEXT_WITH_FIN, load.size)
      let sent = load.inFlight
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
      socket.write(handshake('/', load.deflate === true ? OFFER : {}))

      function greeted (length: number): void {
        head += buffer.toString('latin1', 0, length)
        if (!head.endsWith('\r\n\r\n')) return
        if (!head.startsWith('HTTP/1.1 101 ')) {
          reject(new Error(`the handshake was refused: ${head}`))
          return
        }
        ring ??= frames(load, head)
        resolve(socket)
      }

      function received (length: number): void {
        const complete = counter.push(buffer, 0, length)
        if (complete === 0) return
        replies += complete
        // Every reply makes room for one more message.
        socket.write(ring!.take(sent, complete))
        sent += complete
      }
    })
  }

  async function run (): Promise<Measurement> {
    const sockets = await Promise.all(Array.from({ length: load.connections }, open))
    for (const socket of sockets) socket.write(ring!.take(0, load.inFlight))
    await wait(warmUp * 1000)
    const before = { server: await server.cpu(), own: process.cpuUsage(), replies, at: performance.now() }
    await wait(seconds * 1000)
    const elapsed = (performance.now() - before.at) / 1000
    const counted = replies - before.replies
    const own = process.cpuUsage(before.own)
    const after = await server.cpu()
    for (const socket of sockets) {
      socket.removeAllListeners('end')
      socket.removeListener('error', failed!)
      socket.on('error', () => {})
      socket.destroy()
    }
    return {
      repliesPerSecond: counted / elapsed,
      generatorCpu: (own.user + own.system) / 1e6 / elapsed,
      serverCpu: (after.seconds - before.server.seconds) / (after.at - before.server.at)
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

/** That the server takes compressed messages and compresses its replies, each of them. */
export async function checkDeflatedEcho (server: ServerProcess): Promise<void> {
  const client = new RawClient(server.port)
  client.write(handshake('/', OFFER))
  const { headers } = await client.response()
  const windowBits = agreedWindowBits(headers['sec-websocket-extensions']?.[0])
  const texts = jsonMessages(DIFFERENT_MESSAGES, 1000)
  const replies = []
  for (const text of texts) {
    client.send(TEXT, deflate(text, { windowBits }), { rsv: RSV1 })
    const reply = await client.frame()
    if (!reply.fin || reply.opcode !== TEXT || reply.rsv !== RSV1) throw new Error(`${server.name} does not compress`)
    replies.push(reply.payload)
  }
  if (inflateStrictly(replies).toString() !== texts.join('')) {
    throw new Error(`${server.name} is no echo server when it compresses`)
  }
  await client.destroy()
}

/**
 * The window that the client may use.
 *
 * @param extensions of the 101, which must have agreed
 */
function agreedWindowBits (extensions: string | undefined): number {
  if (!extensions?.startsWith('permessage-deflate')) throw new Error(`no agreement on compression: ${extensions}`)
  return Number(/client_max_window_bits="?(\d+)/.exec(extensions)?.[1] ?? 15)
}
