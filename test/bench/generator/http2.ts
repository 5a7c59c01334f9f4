/*
 * As much of HTTP/2 (RFC 9113) as a client of WebSockets needs (RFC 8441): the client of Node.js takes more time for a
 * message than a server does. Of the headers it reads only the status.
 */
import type { Socket } from 'node:net'
import { buffer, type Connection, connectTo, type Options, type Target } from './connection.ts'
import {
  ACK, DATA, ENABLE_CONNECT_PROTOCOL, END_STREAM, GOAWAY, HEADER_BYTES, HEADERS, http2Frame, INITIAL_WINDOW_SIZE, PADDED,
  PING, RST_STREAM, SETTINGS, WINDOW_UPDATE
} from '../../support/http2-frames.ts'
import { extendedConnect, LONGEST_FRAME, putHeader, settings, windowUpdate } from './http2-frames.ts'

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
/** RFC 9113 §6.9.2 */
const FIRST_WINDOW = 65535
/** What the server may send, on each stream and in all, so that it never waits for the generator. */
const LARGEST_WINDOW = 2 ** 31 - 1
/** Bytes after which the window of all streams is opened again; a single stream gets fewer in any round. */
const MANY = 2 ** 30
/** In the static table (RFC 7541 §6.1, Appendix A). */
const STATUS_200 = 0x88
const NOTHING = Buffer.alloc(0)

interface Stream {
  id: number
  /** Bytes that the server takes on it. */
  window: number
  /** What it has not taken yet. */
  waiting: Buffer
  received: Options['received']
  opened: () => void
}

export class Http2Client {
  readonly #socket: Socket
  readonly #secure: boolean
  readonly #failed: (error: Error) => void
  readonly #ready: () => void
  /** That with the id 2n + 1 is the nth. */
  readonly #streams: Stream[] = []
  /** Those with something waiting. */
  #sending: Stream[] = []
  #flushing = false
  /** Bytes that the server takes in all. */
  #window = FIRST_WINDOW
  #firstWindow = FIRST_WINDOW
  #received = 0
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #headerRead = 0
  /** Bytes still to come of the frame in progress. */
  #left = 0
  /** Those of it that have come, unless it is DATA. */
  #payload = NOTHING

  private constructor (target: Target, failed: (error: Error) => void, ready: () => void) {
    this.#secure = target.secure
    this.#failed = failed
    this.#ready = ready
    this.#socket = connectTo(target, length => { this.#read(length) }, failed)
    this.#socket.write(Buffer.concat([
      PREFACE, settings(INITIAL_WINDOW_SIZE, LARGEST_WINDOW), windowUpdate(LARGEST_WINDOW - FIRST_WINDOW)
    ]))
  }

  /** Resolves when the server has said that it takes an extended CONNECT. */
  static async connect (target: Target, failed: (error: Error) => void): Promise<Http2Client> {
    return await new Promise((resolve, reject) => {
      const client: Http2Client = new Http2Client(target, error => {
        reject(error)
        failed(error)
      }, () => { resolve(client) })
    })
  }

  /** A WebSocket on a stream of its own. */
  async open ({ received }: Pick<Options, 'received'>): Promise<Connection> {
    return await new Promise(resolve => {
      const id = this.#streams.length * 2 + 1
      const connection = { socket: this.#socket, head: '', write: (bytes: Buffer) => { this.#write(stream, bytes) } }
      const opened = (): void => { resolve(connection) }
      const stream: Stream = { id, window: this.#firstWindow, waiting: NOTHING, received, opened }
      this.#streams.push(stream)
      this.#socket.write(extendedConnect(id, this.#secure ? 'https' : 'http'))
    })
  }

  /** All streams are written to together, after what was read at once. */
  #write (stream: Stream, bytes: Buffer): void {
    if (stream.waiting.length === 0) this.#sending.push(stream)
    stream.waiting = stream.waiting.length === 0 ? bytes : Buffer.concat([stream.waiting, bytes])
    this.#flushSoon()
  }

  #flushSoon (): void {
    if (this.#flushing) return
    this.#flushing = true
    queueMicrotask(() => { this.#flush() })
  }

  /** Sends as much as the windows let it. */
  #flush (): void {
    this.#flushing = false
    const streams = this.#sending
    this.#sending = []
    let most = 0
    for (const { waiting, window } of streams) most += Math.min(waiting.length, window)
    most = Math.min(most, this.#window)
    const out = Buffer.allocUnsafe(most + HEADER_BYTES * (streams.length + Math.ceil(most / LONGEST_FRAME)))
    let end = 0
    for (const stream of streams) {
      const { waiting, id } = stream
      let sent = 0
      while (sent < waiting.length) {
        const length = Math.min(waiting.length - sent, LONGEST_FRAME, stream.window, this.#window)
        if (length <= 0) break
        putHeader(out, end, length, DATA, 0, id)
        waiting.copy(out, end + HEADER_BYTES, sent, sent + length)
        end += HEADER_BYTES + length
        sent += length
        stream.window -= length
        this.#window -= length
      }
      stream.waiting = sent === waiting.length ? NOTHING : waiting.subarray(sent)
      if (stream.waiting.length > 0) this.#sending.push(stream)
    }
    if (end > 0) this.#socket.write(out.subarray(0, end))
  }

  #read (length: number): void {
    let i = 0
    while (i < length) {
      if (this.#headerRead < HEADER_BYTES) {
        this.#header[this.#headerRead++] = buffer[i++]!
        if (this.#headerRead < HEADER_BYTES) continue
        this.#left = this.#header.readUIntBE(0, 3)
      }
      const end = Math.min(length, i + this.#left)
      this.#left -= end - i
      if (this.#header[3] === DATA) this.#data(i, end)
      else this.#payload = Buffer.concat([this.#payload, buffer.subarray(i, end)])
      i = end
      if (this.#left > 0) return
      this.#headerRead = 0
      if (this.#header[3] !== DATA) this.#control(this.#header[3]!, this.#header[4]!, this.#header.readUInt32BE(5))
    }
  }

  #data (start: number, end: number): void {
    if ((this.#header[4]! & (PADDED | END_STREAM)) !== 0) throw new Error('the server ended a stream, or padded it')
    this.#received += end - start
    if (this.#received > MANY) {
      this.#socket.write(windowUpdate(this.#received))
      this.#received = 0
    }
    this.#streams[this.#header.readUInt32BE(5) >> 1]!.received(start, end)
  }

  #control (type: number, flags: number, id: number): void {
    const payload = this.#payload
    this.#payload = NOTHING
    if (type === HEADERS) {
      const accepted = (flags & (PADDED | END_STREAM)) === 0 && payload[0] === STATUS_200
      if (!accepted) throw new Error(`an extended CONNECT was refused: ${payload.toString('latin1')}`)
      this.#streams[id >> 1]!.opened()
    } else if (type === SETTINGS && (flags & ACK) === 0) {
      this.#settings(payload)
    } else if (type === WINDOW_UPDATE) {
      if (id === 0) this.#window += payload.readUInt32BE()
      else this.#streams[id >> 1]!.window += payload.readUInt32BE()
      if (this.#sending.length > 0) this.#flushSoon()
    } else if (type === PING && (flags & ACK) === 0) {
      this.#socket.write(http2Frame(PING, ACK, 0, payload))
    } else if (type === RST_STREAM || type === GOAWAY) {
      const name = type === GOAWAY ? 'GOAWAY' : 'RST_STREAM'
      this.#failed(new Error(`the server sent ${name} with ${payload.toString('hex')}`))
    }
  }

  #settings (payload: Buffer): void {
    let connects = false
    for (let i = 0; i < payload.length; i += 6) {
      const id = payload.readUInt16BE(i)
      const value = payload.readUInt32BE(i + 2)
      if (id === ENABLE_CONNECT_PROTOCOL) connects = value === 1
      if (id !== INITIAL_WINDOW_SIZE) continue
      for (const stream of this.#streams) stream.window += value - this.#firstWindow
      this.#firstWindow = value
    }
    this.#socket.write(http2Frame(SETTINGS, ACK, 0))
    if (connects) this.#ready()
  }
}
