/*
 * The most that Node.js can do: no frame is parsed. The size of the messages is known, so counting bytes tells how many
 * of them have come, and the replies to all of a chunk are written at once, from a buffer that has them ready.
 */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { fewest, frame } from '../../support/frames.ts'
import { BINARY, TEXT } from '../../support/opcodes.ts'
import { load, NEWS, TRIGGER } from './config.ts'
import { report } from './report.ts'

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
const news = frame(TEXT, NEWS)
/** Of a message that asks for a broadcast. */
const triggerBytes = 2 + MASKING_KEY + TRIGGER.length
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

const server = createServer()
server.on('upgrade', ({ headers }, socket) => {
  const accept = createHash('sha1').update(`${headers['sec-websocket-key']}${GUID}`).digest('base64')
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${accept}\r\n\r\n`)
  const connection = socket as Socket
  connection.setNoDelay(true)
  connection.setTimeout(0)
  connection.on('error', () => {})
  if (load.kind === 'fan-out') fanOut(connection)
  else echo(connection)
})
server.listen(0, '127.0.0.1', () => { report((server.address() as AddressInfo).port) })
