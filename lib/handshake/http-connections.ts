import type { ServerResponse } from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { Http2Sessions } from './http2-sessions.ts'

const kOwner = Symbol('fastify-sockets.connections')

type Owned = NetSocket & { [kOwner]?: HttpConnections }

/** Undocumented properties of an HTTP/1.1 connection's socket, and of a TLS socket. */
interface NodeInternals {
  /** Absent once the socket has left HTTP. */
  parser?: object | null
  /** The response under way. */
  _httpMessage?: ServerResponse | null
  /** The TCP socket below a TLS socket. */
  _parent?: NetSocket
}

/** Any server: HTTP/1.1 or HTTP/2, with or without TLS. */
interface ConnectionServer {
  prependListener (event: string, listener: (socket: NetSocket) => void): unknown
  off (event: string, listener: (socket: NetSocket) => void): unknown
}

/** The TCP connections that began after the plugin was registered and still speak HTTP/1.1 or HTTP/2. */
export class HttpConnections {
  readonly #sockets = new Set<NetSocket>()
  /** TCP sockets whose TLS handshake is under way. */
  readonly #beforeTls = new Set<NetSocket>()
  /** Sockets whose upgrade went to other listeners. */
  readonly #passedOn = new Set<NetSocket>()
  readonly #sessions: Http2Sessions
  readonly #listening: Array<() => void> = []

  constructor (sessions: Http2Sessions) {
    this.#sessions = sessions
  }

  /** Tracks every connection to this server from now on. */
  watch (server: ConnectionServer): void {
    const isTls = server instanceof TlsServer
    this.#listen(server, 'connection', socket => this.#add(isTls ? this.#beforeTls : this.#sockets, socket))
    if (!isTls) return
    this.#listen(server, 'secureConnection', socket => {
      this.#beforeTls.delete((socket as NodeInternals)._parent!)
      this.#add(this.#sockets, socket)
    })
  }

  /** Stops tracking, on every server. */
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

  /** The socket's upgrade goes to other listeners. */
  passOn (socket: NetSocket): void {
    this.release(socket)
    this.#add(this.#passedOn, socket)
  }

  /** Whether there are connections that nobody reads. Nobody would notice their end, and they do not keep the process alive. */
  get hasUnread (): boolean {
    return [...this.#passedOn].some(isUnread)
  }

  /** Cuts the connections that nobody reads: a library that refuses an upgrade may forget its connection. */
  cutUnread (): void {
    for (const socket of this.#passedOn) if (isUnread(socket)) socket.destroy()
  }

  /** Cuts every connection that waits for its client. One whose handler is working on an ordinary request stays. */
  cutWaiting (): void {
    for (const socket of this.#beforeTls) socket.destroy()
    for (const socket of this.#sockets) if (this.#waitsForClient(socket)) socket.destroy()
  }

  #add (set: Set<NetSocket>, socket: Owned): void {
    // When an upgrade is served as plain HTTP, the server announces its connection a second time.
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
    // It left HTTP/1.1 by a CONNECT: whoever listens for those is responsible.
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
