/* Sockets on a session of HTTP/2 whose frames are written by hand (RFC 9113, RFC 8441). */
import { RawSession } from '../http2/raw.ts'
import {
  connectFields, DATA, END_STREAM, type Fields, GOAWAY, HEADERS, http2Frame, PING, RST_STREAM, SETTINGS, uint32, WINDOW_UPDATE
} from '../support/http2-frames.ts'
import { open, type Target, type Wire, type WireOwner } from './wires.ts'

/** `:status: 200` as one byte (RFC 7541 appendix A), which is how Node sends it. */
const STATUS_200 = 0x88
/** The largest payload of a frame that any peer takes (RFC 9113 §4.2). */
const MAX_FRAME = 16_384
/** What the server takes at first, of each stream and of all together (RFC 9113 §6.9.2): Node leaves it so. */
const FIRST_WINDOW = 65_535
const CANCEL = 8
const DEFLATE: Fields = [['sec-websocket-extensions', 'permessage-deflate; client_max_window_bits']]

/** How a session is, besides the window that it opens for each stream. */
export interface Manners {
  /** It leaves when the server goes away. */
  obeysGoaway: boolean
  /** It sends no more than the server's windows allow; otherwise that ends the connection (RFC 9113 §6.9.1). */
  keepsWindows: boolean
}

/** Clients on one TCP connection. */
export class SharedSession {
  readonly raw: RawSession
  readonly manners: Manners
  /** What the server takes of all streams together. */
  room = FIRST_WINDOW
  readonly #tcp: { resetAndDestroy (): unknown }
  readonly #wires = new Map<number, Http2Wire>()
  #lastId = -1
  #isReady = false
  #waiting: Array<() => void> = []

  /** @param window of each stream, which is opened again as it is used */
  constructor (target: Target, window: number, manners: Manners) {
    this.manners = manners
    const { socket, tcp } = open(target, 'h2')
    this.#tcp = tcp
    this.raw = new RawSession(target.port, window, socket)
    // Its own is beyond the settings.
    this.raw.send(http2Frame(WINDOW_UPDATE, 0, 0, uint32(0x3fffffff)))
    socket.on('data', () => { this.#takeFrames() })
    for (const event of ['end', 'close']) socket.on(event, () => { this.#over() })
  }

  get isOver (): boolean {
    return this.raw.closed
  }

  /** Calls back when the server's settings are known. */
  whenReady (go: () => void): void {
    if (this.#isReady) go()
    else this.#waiting.push(go)
  }

  add (wire: Http2Wire): number {
    this.#lastId += 2
    this.#wires.set(this.#lastId, wire)
    return this.#lastId
  }

  goAway (): void {
    this.raw.send(http2Frame(GOAWAY, 0, 0, Buffer.concat([uint32(0), uint32(2)])))
  }

  /** A PING of the wrong length (RFC 9113 §6.7): an error of the connection. */
  violate (): void {
    this.raw.send(http2Frame(PING, 0, 0, Buffer.alloc(3)))
  }

  vanish (): void {
    this.#tcp.resetAndDestroy()
    this.raw.socket.destroy()
    this.#over()
  }

  #takeFrames (): void {
    const frames = this.raw.frames.splice(0)
    for (const frame of frames) {
      if (frame.type === SETTINGS && !this.#isReady) {
        this.#isReady = true
        for (const go of this.#waiting.splice(0)) go()
      }
      if (frame.type === GOAWAY && this.manners.obeysGoaway) this.raw.socket.end()
      if (frame.type === WINDOW_UPDATE && frame.id === 0) {
        this.room += frame.payload.readUInt32BE()
        for (const wire of this.#wires.values()) wire.flush()
      }
      this.#wires.get(frame.id)?.take(frame.type, frame.flags, frame.payload)
    }
  }

  #over (): void {
    for (const wire of this.#wires.values()) wire.over()
    this.#wires.clear()
  }
}

export class Http2Wire implements Wire {
  readonly #session: SharedSession
  readonly #owner: WireOwner
  #id = 0
  #isAnswered = false
  #isOver = false
  #isDeaf = false
  #unacknowledged = 0
  /** What the server takes of this stream. */
  #room = FIRST_WINDOW
  #waiting: Buffer[] = []
  /** Its end waits as well. */
  #isEnding = false

  /** @param early what is sent along with the handshake */
  constructor (session: SharedSession, path: string, offersDeflate: boolean, early: Buffer, owner: WireOwner) {
    this.#session = session
    this.#owner = owner
    session.whenReady(() => {
      if (this.#isOver) return
      this.#id = session.add(this)
      session.raw.connect(this.#id, connectFields(path, {}, offersDeflate ? DEFLATE : []))
      this.#waiting.unshift(early)
      this.flush()
    })
  }

  write (bytes: Buffer): void {
    this.#waiting.push(bytes)
    this.flush()
  }

  end (): void {
    this.#isEnding = true
    this.flush()
  }

  /** Sends what waits, as far as the server takes it. */
  flush (): void {
    if (this.#id === 0 || this.#isOver) return
    const { manners: { keepsWindows } } = this.#session
    while (this.#waiting.length > 0) {
      const [bytes] = this.#waiting as [Buffer]
      const room = keepsWindows ? Math.min(MAX_FRAME, this.#room, this.#session.room) : MAX_FRAME
      if (room <= 0 && bytes.length > 0) return
      const part = bytes.subarray(0, room)
      if (part.length > 0) this.#send(DATA, 0, part)
      this.#room -= part.length
      this.#session.room -= part.length
      if (part.length < bytes.length) this.#waiting[0] = bytes.subarray(part.length)
      else this.#waiting.shift()
    }
    if (!this.#isEnding) return
    this.#isEnding = false
    this.#send(DATA, END_STREAM)
  }

  reset (): void {
    this.#send(RST_STREAM, 0, uint32(CANCEL))
    this.over()
  }

  destroy (): void {
    this.#session.vanish()
  }

  goAway (): void {
    this.#session.goAway()
  }

  violate (): void {
    this.#session.violate()
  }

  deafen (): void {
    this.#isDeaf = true
  }

  hear (): void {
    this.#isDeaf = false
    this.#open()
  }

  take (type: number, flags: number, payload: Buffer): void {
    if (type === HEADERS && !this.#isAnswered) {
      this.#isAnswered = true
      this.#owner.onAnswer(payload[0] === STATUS_200)
    } else if (type === DATA) {
      if (payload.length > 0) this.#owner.onBytes(payload)
      this.#unacknowledged += payload.length
      if (this.#unacknowledged > MAX_FRAME) this.#open()
    } else if (type === WINDOW_UPDATE) {
      this.#room += payload.readUInt32BE()
      this.flush()
    }
    if (type === RST_STREAM || ((type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0)) this.over()
  }

  over (): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#owner.onOver()
  }

  #open (): void {
    if (this.#isDeaf || this.#unacknowledged === 0) return
    this.#send(WINDOW_UPDATE, 0, uint32(this.#unacknowledged))
    this.#unacknowledged = 0
  }

  #send (type: number, flags: number, payload?: Buffer): void {
    if (this.#id !== 0 && !this.#session.isOver) this.#session.raw.send(http2Frame(type, flags, this.#id, payload))
  }
}
