import { constants, type Http2Server, type Http2Stream, type ServerHttp2Session } from 'node:http2'
import type { Socket as NetSocket } from 'node:net'
import type { Duplex } from 'node:stream'

/** How long, in milliseconds, a client may take to answer whether it is still there, or to leave. */
const PATIENCE = 5000

/** Under this name a session carries its TCP or TLS socket: what Node shows of it cannot be destroyed. */
const kSocket = Symbol('fastify-sockets.socket')

type Session = ServerHttp2Session & { [kSocket]?: NetSocket, timeout?: number }

interface Held {
  sockets: number
  /** The timeout that the session has while it carries none. */
  timeout: number
  /** Runs while the client is waited for: for its answer, or for it to leave. */
  patience: NodeJS.Timeout | null
}

/** The HTTP/2 sessions of a server. */
export class Sessions {
  readonly #sessions = new Map<Session, Held>()

  /** Sees every session that begins from now on. */
  watch (server: Http2Server): void {
    let arriving: NetSocket
    const arrive = (socket: NetSocket): void => { arriving = socket }
    server.prependListener('connection', arrive)
    server.prependListener('secureConnection', arrive)
    server.on('session', (session: Session) => {
      session[kSocket] = arriving
      this.#add(session)
    })
  }

  #add (session: Session): Held {
    const held: Held = { sockets: 0, timeout: 0, patience: null }
    this.#sessions.set(session, held)
    session.on('close', () => {
      this.#sessions.delete(session)
      stopWaiting(held)
    })
    return held
  }

  /** A stream has become the transport of a WebSocket: until it closes, its session does not time out. */
  hold (stream: Http2Stream): void {
    const session = stream.session as Session
    const held = this.#sessions.get(session) ?? this.#add(session)
    if (held.sockets++ === 0) {
      held.timeout = session.timeout ?? 0
      session.setTimeout(0)
    }
    stream.on('close', () => {
      if (--held.sockets === 0 && !session.destroyed) session.setTimeout(held.timeout)
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) probe(session, held)
    })
  }

  /** GOAWAY on each. What is under way comes to its end; then Node would wait for the client without end. */
  close (): void {
    for (const [session, held] of this.#sessions) {
      session.close()
      held.patience ??= setInterval(() => {
        if (session.destroyed) session[kSocket]?.destroy()
      }, PATIENCE)
    }
  }
}

/**
 * A socket was cut, perhaps because its client has vanished, and with it all of the session: asks (RFC 9113 §6.7), as
 * TCP itself would take a quarter of an hour to find out.
 */
function probe (session: Session, held: Held): void {
  if (session.destroyed || held.patience !== null) return
  held.patience = setTimeout(() => session[kSocket]?.destroy(), PATIENCE)
  session.ping(error => {
    // Otherwise the session has ended meanwhile, and still has to see its socket close.
    if (error === null) stopWaiting(held)
  })
}

function stopWaiting (held: Held): void {
  if (held.patience !== null) clearTimeout(held.patience)
  held.patience = null
}

/** Cuts the connection below a stream, if it is one: a peer that does not read would keep it. */
export function cutSession (transport: Duplex | undefined): void {
  const session = (transport as Http2Stream | undefined)?.session as Session | undefined
  session?.[kSocket]?.destroy()
}
