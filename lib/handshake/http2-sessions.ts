import { constants, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Socket as NetSocket } from 'node:net'

/** How long, in milliseconds, a client may take to show that it is still there. */
const PROBE = 30_000
/** How long, in milliseconds, a client may take to leave when everything is done. */
const LINGER = 5000

/** Of Node's binding, which tells by it that a session neither reads nor writes any more. */
interface Handle {
  setGracefulClose? (): void
  ongracefulclosecomplete? (): void
}

/** The HTTP/2 sessions of a server that have begun since the plugin was registered. */
export class Http2Sessions {
  readonly #sessions = new Map<ServerHttp2Session, Session>()
  readonly #bySocket = new WeakMap<NetSocket, Session>()
  readonly #stops: Array<() => void> = []
  #state: 'serving' | 'draining' | 'closed' = 'serving'

  /** Sees every session that begins from now on. */
  watch (server: Http2Server): void {
    // What a session shows of its socket cannot be destroyed.
    let arriving: NetSocket
    const arrive = (socket: NetSocket): void => { arriving = socket }
    const onSession = (session: ServerHttp2Session): void => {
      const own = new Session(session, arriving)
      this.#sessions.set(session, own)
      this.#bySocket.set(arriving, own)
      session.on('close', () => {
        this.#sessions.delete(session)
        own.stopWaiting()
      })
      // The server listens until its other connections have ended, too.
      if (this.#state === 'closed') own.close()
    }
    server.prependListener('connection', arrive)
    server.prependListener('secureConnection', arrive)
    server.on('session', onSession)
    this.#stops.push(() => {
      server.off('connection', arrive)
      server.off('secureConnection', arrive)
      server.off('session', onSession)
    })
  }

  /** Sees no more of them, of any server. */
  unwatch (): void {
    for (const stop of this.#stops.splice(0)) stop()
  }

  /** The session on a TCP connection. */
  on (socket: NetSocket): Session | undefined {
    return this.#bySocket.get(socket)
  }

  /** A stream has become the transport of a WebSocket: until it closes, its session does not time out. */
  hold (stream: ServerHttp2Stream): void {
    const session = this.#sessions.get(stream.session as ServerHttp2Session)
    if (session === undefined) return
    session.hold(stream)
    stream.on('close', () => {
      session.release(stream)
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) session.onReset(this.#state !== 'serving')
    })
  }

  /** The WebSockets are being ended. */
  startDraining (): void {
    this.#state = 'draining'
  }

  /** They have ended: GOAWAY on each session. What else is under way comes to its end. */
  close (): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    for (const session of this.#sessions.values()) session.close()
  }
}

class Session {
  readonly #session: ServerHttp2Session & { timeout?: number }
  readonly #socket: NetSocket
  /** What is under way on it, WebSockets apart. */
  readonly #streams = new Set<ServerHttp2Stream>()
  /** WebSockets on it. */
  readonly #held = new Set<ServerHttp2Stream>()
  /** Whether one of them was reset when all were being ended. */
  #maybeStuck = false
  /** Its timeout while it holds none. */
  #timeout = 0
  /** Runs while the client is waited for: for a sign of life, or for it to leave. */
  #timer: NodeJS.Timeout | null = null

  constructor (session: ServerHttp2Session, socket: NetSocket) {
    this.#session = session
    this.#socket = socket
    session.on('stream', stream => {
      this.#streams.add(stream)
      stream.on('close', () => { this.#streams.delete(stream) })
    })
    this.#noticeFailure()
  }

  /**
   * Node 20 says nothing of a client that breaks HTTP/2: once its GOAWAY is written it reads no more, and would not even
   * learn that the client has left. Later versions end the session by themselves, and those before 20.19.4 cannot be asked.
   */
  #noticeFailure (): void {
    const session = this.#session as unknown as Record<symbol, Handle>
    // There is one in Node, and none in Bun.
    for (const kHandle of Object.getOwnPropertySymbols(session).filter(({ description }) => description === 'kHandle')) {
      const handle = session[kHandle]!
      const ended = handle.ongracefulclosecomplete
      // In Deno (2.9) it also takes no stream any more.
      if (!('deno' in process.versions)) handle.setGracefulClose?.()
      handle.ongracefulclosecomplete = () => {
        ended?.()
        // Node is still at it.
        setImmediate(() => { if (this.#hasFailed) this.#socket.destroy() })
      }
    }
  }

  /** Asked when the session neither reads nor writes: then it has ended, unless it was not to end or has streams left. */
  get #hasFailed (): boolean {
    if (this.#session.destroyed) return false
    const { NGHTTP2_STREAM_STATE_IDLE: IDLE, NGHTTP2_STREAM_STATE_CLOSED: CLOSED } = constants
    if (!this.#session.closed) return true
    return [...this.#streams, ...this.#held].some(({ state }) => state.state! > IDLE && state.state! < CLOSED)
  }

  /** Whether the server owes an answer that does not wait for the client, neither for its request nor to read on. */
  get isBusy (): boolean {
    if (this.#session.destroyed) return false
    return [...this.#streams].some(stream => {
      return stream.state.remoteClose === 1 && !stream.writableEnded && stream.writableLength === 0
    })
  }

  hold (stream: ServerHttp2Stream): void {
    this.#streams.delete(stream)
    this.#held.add(stream)
    if (this.#held.size > 1) return
    this.#timeout = this.#session.timeout ?? 0
    this.#session.setTimeout(0)
  }

  release (stream: ServerHttp2Stream): void {
    this.#held.delete(stream)
    if (this.#held.size === 0 && !this.#session.destroyed) this.#session.setTimeout(this.#timeout)
  }

  /** A socket was cut, by either side. */
  onReset (isClosing: boolean): void {
    if (isClosing) this.#maybeStuck = true
    else this.#probe()
  }

  /** Perhaps the client has vanished: asks (RFC 9113 §6.7). TCP itself would take a quarter of an hour to find out. */
  #probe (): void {
    if (this.#session.closed || this.#session.destroyed || this.#timer !== null) return
    const { bytesRead } = this.#socket
    this.#timer = setTimeout(() => {
      this.#timer = null
      if (this.#socket.bytesRead === bytesRead) this.#socket.destroy()
    }, PROBE)
    this.#session.ping(() => {})
  }

  close (): void {
    this.#session.close()
    this.stopWaiting()
    // When all is done, Node would wait without end for a client that does not leave.
    this.#timer = setInterval(() => {
      if (this.#session.destroyed) this.#socket.destroy()
    }, LINGER)
    // Nor would it end for one that does not even read that its socket was cut.
    if (this.#maybeStuck) setImmediate(() => { if (this.#session.state.outboundQueueSize! > 0) this.#socket.destroy() })
  }

  stopWaiting (): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
