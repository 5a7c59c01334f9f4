import type { ServerResponse } from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { Http2Sessions } from './http2-sessions.ts'

const kOwner = Symbol('fastify-sockets.connections')

type Owned = NetSocket & { [kOwner]?: HttpConnections }

/** What Node keeps on the socket of an HTTP/1.1 connection, and TLS on its own. */
interface NodeInternals {
  /** Absent when the socket has left HTTP. */
  parser?: object | null
  /** The response under way. */
  _httpMessage?: ServerResponse | null
  /** The socket below. */
  _parent?: NetSocket
}

/** Any server: of HTTP or HTTP/2, with TLS or without. */
interface ConnectionServer {
  prependListener (event: string, listener: (socket: NetSocket) => void): unknown
  off (event: string, listener: (socket: NetSocket) => void): unknown
}

/** The TCP connections that began since the plugin was registered and still speak HTTP, in either version. */
export class HttpConnections {
  readonly #sockets = new Set<NetSocket>()
  /** Sockets below a TLS handshake that is under way. */
  readonly #beforeTls = new Set<NetSocket>()
  /** Sockets whose upgrade was passed on to other listeners. */
  readonly #passedOn = new Set<NetSocket>()
  readonly #sessions: Http2Sessions
  readonly #listening: Array<() => void> = []

  constructor (sessions: Http2Sessions) {
    this.#sessions = sessions
  }

  /** Sees every connection that begins from now on. */
  watch (server: ConnectionServer): void {
    const isTls = server instanceof TlsServer
    this.#listen(server, 'connection', socket => this.#add(isTls ? this.#beforeTls : this.#sockets, socket))
    if (!isTls) return
    this.#listen(server, 'secureConnection', socket => {
      this.#beforeTls.delete((socket as NodeInternals)._parent!)
      this.#add(this.#sockets, socket)
    })
  }

  /** Sees no more of them, of any server. */
  unwatch (): void {
    for (const stop of this.#listening.splice(0)) stop()
  }

  #listen (server: ConnectionServer, event: string, listener: (socket: NetSocket) => void): void {
    server.prependListener(event, listener)
    this.#listening.push(() => server.off(event, listener))
  }

  /** A socket has left HTTP: it belongs to a WebSocket, or to another listener. */
  release (socket: object): void {
    if (!this.#sockets.delete(socket as NetSocket) && !this.#passedOn.delete(socket as NetSocket)) return
    ;(socket as NetSocket).off('close', onClose)
  }

  /** Its upgrade is passed on to other listeners. */
  passOn (socket: NetSocket): void {
    this.release(socket)
    this.#add(this.#passedOn, socket)
  }

  /** Whether there are connections whose end nobody would notice: they are not read, nor do they keep the process going. */
  get hasUnread (): boolean {
    return [...this.#passedOn].some(isUnread)
  }

  /** Cuts them. A library that refuses an upgrade may forget its connection. */
  cutUnread (): void {
    for (const socket of this.#passedOn) if (isUnread(socket)) socket.destroy()
  }

  /** Cuts every connection that waits for its client. One stays as long as a handler works on an ordinary request. */
  cutWaiting (): void {
    for (const socket of this.#beforeTls) socket.destroy()
    for (const socket of this.#sockets) if (this.#waitsForClient(socket)) socket.destroy()
  }

  #add (set: Set<NetSocket>, socket: Owned): void {
    // A request that is served as HTTP after all is announced a second time.
    if (set.has(socket)) return
    set.add(socket)
    socket[kOwner] = this
    socket.on('close', onClose)
  }

  /** A socket has closed. */
  closed (socket: NetSocket): void {
    this.#sockets.delete(socket)
    this.#beforeTls.delete(socket)
    this.#passedOn.delete(socket)
  }

  #waitsForClient (socket: NetSocket): boolean {
    const session = this.#sessions.on(socket)
    if (session !== undefined) return !session.isBusy
    const { parser, _httpMessage: response } = socket as NodeInternals
    // It has left HTTP/1.1 by a CONNECT: whoever listens to that sees to it.
    if (!parser) return false
    if (!response) return true
    return !response.req.complete || response.writableEnded || socket.writableLength > 0
  }
}

function isUnread (socket: NetSocket): boolean {
  return !socket.destroyed && socket.readableFlowing !== true && socket.listenerCount('readable') === 0
}

function onClose (this: Owned): void {
  this[kOwner]!.closed(this)
}
