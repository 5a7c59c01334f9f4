import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Test } from 'tap'
import {
  ACK, CONTINUATION, END_HEADERS, type Fields, headerBlock, HEADERS, type Http2Frame, http2Frame, http2FramesIn, PING, PREFACE, RST_STREAM, SETTINGS, uint32
} from '../support/http2-frames.ts'

/** An HTTP/2 session by hand: writes what it is told to, and answers SETTINGS and PING. */
export class RawSession {
  readonly socket: Socket
  readonly frames: Http2Frame[] = []
  closed = false
  #unread = Buffer.alloc(0)

  /** @param socket what is connected, or connects, to that port */
  constructor (port: number, initialWindow = 65_535, socket: Socket = connect(port, '127.0.0.1')) {
    this.socket = socket
    this.socket.on('error', () => {})
    this.socket.on('close', () => { this.closed = true })
    this.socket.on('data', chunk => { this.#read(chunk) })
    const window = Buffer.concat([Buffer.from([0, 4]), uint32(initialWindow)])
    this.send(Buffer.from(PREFACE), http2Frame(SETTINGS, 0, 0, window))
  }

  /** A session that has the server's settings, gone when the test ends. */
  static async open (t: Test, port: number, initialWindow?: number): Promise<RawSession> {
    const session = new RawSession(port, initialWindow)
    t.teardown(() => { session.socket.destroy() })
    while (!session.frames.some(({ type }) => type === SETTINGS)) await once(session.socket, 'data')
    return session
  }

  /** In one write. */
  send (...frames: Buffer[]): void {
    this.socket.write(Buffer.concat(frames))
  }

  /** Asks for a WebSocket; the header block goes on in CONTINUATION where it is too large for one frame. */
  connect (id: number, fields: Fields): void {
    const block = headerBlock(fields)
    const most = 16_000
    this.send(http2Frame(HEADERS, block.length > most ? 0 : END_HEADERS, id, block.subarray(0, most)))
    for (let i = most; i < block.length; i += most) {
      const flags = i + most < block.length ? 0 : END_HEADERS
      this.send(http2Frame(CONTINUATION, flags, id, block.subarray(i, i + most)))
    }
  }

  /** What has come on a stream; 0 for the session itself. */
  of (id: number, type: number): Http2Frame[] {
    return this.frames.filter(frame => frame.id === id && frame.type === type)
  }

  /** The error code by which a stream was reset; null if it was not. */
  resetCode (id: number): number | null {
    return this.of(id, RST_STREAM)[0]?.payload.readUInt32BE() ?? null
  }

  #read (chunk: Buffer): void {
    const { frames, rest } = http2FramesIn(Buffer.concat([this.#unread, chunk]))
    this.#unread = rest
    this.frames.push(...frames)
    for (const { type, flags, payload } of frames) {
      if ((type === SETTINGS || type === PING) && (flags & ACK) === 0) {
        this.send(http2Frame(type, ACK, 0, type === PING ? payload : undefined))
      }
    }
  }
}
