import { constants, type Http2Server, type Http2Stream, type ServerHttp2Session } from 'node:http2'
import type { Socket as NetSocket } from 'node:net'

/** How long, in milliseconds, a client may take to show that it is still there. */
const PROBE = 30_000
/** How long, in milliseconds, a client may take to leave when everything is done. */
const LINGER = 5000

/** The HTTP/2 sessions of a server that have begun since the plugin was registered. */
export class Sessions {
  readonly #sessions = new Map<ServerHttp2Session, Session>()

  /** Sees every session that begins from now on. */
  watch (server: Http2Server): void {
    // What a session shows of its socket cannot be destroyed.
    let arriving: NetSocket
    const arrive = (socket: NetSocket): void => { arriving = socket }
    server.prependListener('connection', arrive)
    server.prependListener('secureConnection', arrive)
    server.on('session', session => {
      const watched = new Session(session, arriving)
      this.#sessions.set(session, watched)
      session.on('close', () => {
        this.#sessions.delete(session)
        watched.stopWaiting()
      })
    })
  }

  /** A stream has become the transport of a WebSocket: until it closes, its session does not time out. */
  hold (stream: Http2Stream): void {
    this.#sessions.get(stream.session as ServerHttp2Session)?.hold(stream)
  }

  /** GOAWAY on each; what is under way comes to its end. */
  close (): void {
    for (const session of this.#sessions.values()) session.close()
  }
}

class Session {
  readonly #session: ServerHttp2Session & { timeout?: number }
  readonly #socket: NetSocket
  /** WebSockets on it. */
  #held = 0
  /** Whether one of them was reset, by either side. */
  #hasReset = false
  /** Its timeout while it holds none. */
  #timeout = 0
  /** Runs while the client is waited for: for a sign of life, or for it to leave. */
  #timer: NodeJS.Timeout | null = null

  constructor (session: ServerHttp2Session, socket: NetSocket) {
    this.#session = session
    this.#socket = socket
  }

  hold (stream: Http2Stream): void {
    if (this.#held++ === 0) {
      this.#timeout = this.#session.timeout ?? 0
      this.#session.setTimeout(0)
    }
    stream.on('close', () => this.#release(stream.rstCode))
  }

  #release (rstCode: number | undefined): void {
    if (--this.#held === 0 && !this.#session.destroyed) this.#session.setTimeout(this.#timeout)
    if (rstCode === constants.NGHTTP2_NO_ERROR) return
    this.#hasReset = true
    this.#probe()
  }

  /**
   * A socket was cut, perhaps because its client has vanished, and with it all of the session: asks (RFC 9113 §6.7), as
   * TCP itself would take a quarter of an hour to find out.
   */
  #probe (): void {
    if (this.#session.closed || this.#session.destroyed || this.#timer !== null) return
    const { bytesRead } = this.#socket
    this.#timer = setTimeout(() => {
      this.#timer = null
      if (this.#socket.bytesRead === bytesRead) this.#socket.destroy()
    }, PROBE)
    this.#session.ping(() => {})
  }

  /** When all is done, Node would wait without end for a client that does not leave, or does not read. */
  close (): void {
    this.#session.close()
    this.stopWaiting()
    let bytesRead = -1
    this.#timer = setInterval(() => {
      if (this.#session.destroyed || (this.#isStuck && this.#socket.bytesRead === bytesRead)) this.#socket.destroy()
      bytesRead = this.#socket.bytesRead
    }, LINGER)
  }

  /** A socket was cut, and its client may not even read that. */
  get #isStuck (): boolean {
    return this.#hasReset && this.#session.state.outboundQueueSize! > 0
  }

  stopWaiting (): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
