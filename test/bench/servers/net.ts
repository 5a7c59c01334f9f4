/*
 * The most that Node.js can do: no frame is parsed. The size of the messages is known, so counting bytes tells how many
 * of them have come, and the replies to all of a chunk are written at once, from a buffer that has them ready.
 */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { fewest, frame, readFrame } from '../../support/frames.ts'
import { BINARY, TEXT } from '../../support/opcodes.ts'
import type { TopicPlan } from '../topic-plan.ts'
import { load, nextText, role } from './config.ts'
import { report } from './report.ts'
import { numberOf, Topics } from './topics.ts'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/** What Node.js reads at once. */
const CHUNK = 64 * 1024
const MASKING_KEY = 4
/** Only an echo has messages of a size; the others have a few at most, for the check. */
const size = load.kind === 'echo' ? load.size : 1
const opcode = load.kind === 'echo' && load.content === 'binary' ? BINARY : TEXT
const messageBytes = 2 + fewest(size) + MASKING_KEY + size
const reply = frame(opcode, Buffer.alloc(size, 'x'))
const ready = Math.ceil(CHUNK / messageBytes) + 1
const replies = Buffer.concat(Array.from({ length: ready }, () => reply))
const news = frame(TEXT, nextText())
/** Of a message that asks for a broadcast. */
const triggerBytes = 2 + MASKING_KEY + 'go'.length
const sockets = new Set<Duplex>()

function echo (socket: Duplex): void {
  let waiting = 0
  socket.on('data', (chunk: Buffer) => {
    waiting += chunk.length
    let due = Math.floor(waiting / messageBytes)
    waiting -= due * messageBytes
    for (; due > 0; due -= ready) socket.write(replies.subarray(0, Math.min(due, ready) * reply.length))
  })
}

function fanOut (socket: Duplex): void {
  let waiting = 0
  sockets.add(socket)
  socket.on('close', () => { sockets.delete(socket) })
  socket.on('data', (chunk: Buffer) => {
    waiting += chunk.length
    const due = Math.floor(waiting / triggerBytes)
    waiting -= due * triggerBytes
    const frames = Buffer.concat(Array.from({ length: due }, () => news))
    for (const other of sockets) other.write(frames)
  })
}

/** Each socket is written to once, with as many news as it is to get of what one command publishes. */
function topics (): (socket: Duplex, n: number) => void {
  const subscribers = new Map<string, Duplex[]>()
  const due = new Map<Duplex, number>()
  const many = Buffer.concat(Array.from({ length: (load as TopicPlan).each }, () => news))
  const all = new Topics<Duplex>({
    subscribe (socket, topic) { subscribers.set(topic, [...subscribers.get(topic) ?? [], socket]) },
    unsubscribe () { throw new Error('nobody leaves') },
    publish (topic) { for (const socket of subscribers.get(topic) ?? []) due.set(socket, (due.get(socket) ?? 0) + 1) },
    answer (socket) { socket.write(frame(TEXT, 'done')) }
  })
  return (socket, n) => {
    all.opened(n, socket)
    socket.on('data', (chunk: Buffer) => {
      void all.command(readFrame(chunk)!.payload.toString(), socket)
      for (const [other, count] of due) other.write(many.subarray(0, count * news.length))
      due.clear()
    })
    socket.on('close', () => {
      all.closed(n, socket)
      for (const [topic, sockets] of subscribers) subscribers.set(topic, sockets.filter(other => other !== socket))
    })
  }
}

const accepted: Record<typeof role, (socket: Duplex, url: string) => void> = {
  echo,
  json () { throw new Error('it has no schemas') },
  'fan-out': (socket, url) => { if (url === '/echo') echo(socket); else fanOut(socket) },
  topics: role === 'topics' ? withNumber(topics()) : () => {}
}

function withNumber (handle: (socket: Duplex, n: number) => void): (socket: Duplex, url: string) => void {
  return (socket, url) => { handle(socket, numberOf(url)) }
}

const server = createServer()
server.on('upgrade', ({ headers, url }, socket) => {
  const accept = createHash('sha1').update(`${headers['sec-websocket-key']}${GUID}`).digest('base64')
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${accept}\r\n\r\n`)
  const connection = socket as Socket
  connection.setNoDelay(true)
  connection.setTimeout(0)
  connection.on('error', () => {})
  connection.on('end', () => { connection.destroy() })
  accepted[role](connection, url!)
})
server.listen(0, '127.0.0.1', () => { report((server.address() as AddressInfo).port) })
