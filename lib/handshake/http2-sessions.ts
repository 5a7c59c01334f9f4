import { constants, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Socket as NetSocket } from 'node:net'

/** Milliseconds that a client has to show that it is still there. */
const PROBE = 30_000
/** Milliseconds that a client has to leave once everything is done. */
const LINGER = 5000

/** Part of Node's binding: it calls back when a session has stopped reading and writing. */
interface Handle {
  setGracefulClose? (): void
  ongracefulclosecomplete? (): void
}

/** The HTTP/2 sessions of a server that began after the plugin was registered. */
export class Http2Sessions {
  readonly #sessions = new Map<ServerHttp2Session, Session>()
  readonly #bySocket = new WeakMap<NetSocket, Session>()
  readonly #stops: Array<() => void> = []
  #state: 'serving' | 'draining' | 'closed' = 'serving'

  /** Tracks every session of this server from now on. */
  watch (server: Http2Server): void {
    // The real socket: `session.socket` is a proxy that cannot be destroyed.
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
      // A session may begin after `close`: the server keeps listening until its other connections have ended.
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

  /** Stops tracking, on every server. */
  unwatch (): void {
    for (const stop of this.#stops.splice(0)) stop()
  }

  /** The session on a TCP connection. */
  on (socket: NetSocket): Session | undefined {
    return this.#bySocket.get(socket)
  }

  /** A stream is now the transport of a WebSocket: its session does not time out until the stream closes. */
  hold (stream: ServerHttp2Stream): void {
    const session = this.#sessions.get(stream.session as ServerHttp2Session)
    if (session === undefined) return
    session.hold(stream)
    stream.on('close', () => {
      session.release(stream)
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) session.onReset(this.#state !== 'serving')
    })
  }

  /** A shutdown has begun to end the WebSockets. */
  startDraining (): void {
    this.#state = 'draining'
  }

  /** The WebSockets have ended: sends GOAWAY on each session. Other streams may finish. */
  close (): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    for (const session of this.#sessions.values()) session.close()
  }
}

class Session {
  readonly #session: ServerHttp2Session & { timeout?: number }
  readonly #socket: NetSocket
  /** Open streams that are not WebSockets. */
  readonly #streams = new Set<ServerHttp2Stream>()
  /** Streams that are WebSockets. */
  readonly #held = new Set<ServerHttp2Stream>()
  /** Whether a WebSocket was reset during a shutdown. */
  #maybeStuck = false
  /** The session's timeout while it holds no WebSocket. */
  #timeout = 0
  /** Whether it has ever had a stream. */
  #isUsed = false
  /** Runs while waiting for the client to show a sign of life, or to leave. */
  #timer: NodeJS.Timeout | null = null

  constructor (session: ServerHttp2Session, socket: NetSocket) {
    this.#session = session
    this.#socket = socket
    session.on('stream', stream => {
      this.#isUsed = true
      this.#streams.add(stream)
      stream.on('close', () => { this.#streams.delete(stream) })
    })
    this.#noticeFailure()
    this.#awaitSettings()
  }

  /**
   * A client has to acknowledge the server's SETTINGS at once (RFC 9113 §6.5.3). If it leaves just when TLS has been set up, Node 20
   * writes nothing more, waits for that to be written, reads nothing meanwhile, and so never hears that it has left.
   */
  #awaitSettings (): void {
    const timer = setTimeout(() => {
      if (!this.#isUsed && this.#session.pendingSettingsAck) this.#socket.destroy()
    }, PROBE).unref()
    for (const event of ['localSettings', 'close']) this.#session.once(event, () => clearTimeout(timer))
  }

  /**
   * Node 20 does not report a client that breaks HTTP/2: after its own GOAWAY it stops reading, and would not even notice
   * that the client has left. Later versions end the session themselves; versions before 20.19.4 offer no way to ask.
   */
  #noticeFailure (): void {
    const session = this.#session as unknown as Record<symbol, Handle>
    // Node has one such symbol, Bun has none.
    for (const kHandle of Object.getOwnPropertySymbols(session).filter(({ description }) => description === 'kHandle')) {
      const handle = session[kHandle]!
      const ended = handle.ongracefulclosecomplete
      // In Deno (2.9) this would also make the session refuse new streams.
      if (!('deno' in process.versions)) handle.setGracefulClose?.()
      handle.ongracefulclosecomplete = () => {
        ended?.()
        // Node has not finished with the session yet.
        setImmediate(() => { if (this.#hasFailed) this.#socket.destroy() })
      }
    }
  }

  /** For a session that has stopped reading and writing: it failed if nobody closed it, or if it still has open streams. */
  get #hasFailed (): boolean {
    if (this.#session.destroyed) return false
    const { NGHTTP2_STREAM_STATE_IDLE: IDLE, NGHTTP2_STREAM_STATE_CLOSED: CLOSED } = constants
    if (!this.#session.closed) return true
    return [...this.#streams, ...this.#held].some(({ state }) => state.state! > IDLE && state.state! < CLOSED)
  }

  /** Whether the server owes an answer: the request is complete, and nothing that was written waits for the client to read. */
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

  /** Either side has cut a WebSocket. */
  onReset (isClosing: boolean): void {
    if (isClosing) this.#maybeStuck = true
    else this.#probe()
  }

  /** Pings the client, which may have vanished (RFC 9113 §6.7). TCP alone would take a quarter of an hour to find out. */
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
    // Once all is done, Node would wait forever for a client that does not leave, or that it does not hear.
    this.#timer = setInterval(() => {
      if (this.#session.destroyed || !this.#isUsed) this.#socket.destroy()
    }, LINGER)
    // It would also wait forever for a client that does not even read the reset of its WebSocket.
    if (this.#maybeStuck) setImmediate(() => { if (this.#session.state.outboundQueueSize! > 0) this.#socket.destroy() })
  }

  stopWaiting (): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
