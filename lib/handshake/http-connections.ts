import type { ServerResponse } from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { Sessions } from './sessions.ts'

const kWatcher = Symbol('fastify-sockets.watcher')

type Watched = NetSocket & { [kWatcher]?: HttpConnections }

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
  readonly #greeting = new Set<NetSocket>()
  /** Sockets whose upgrade was left to other listeners. */
  readonly #left = new Set<NetSocket>()
  readonly #sessions: Sessions
  readonly #listening: Array<() => void> = []

  constructor (sessions: Sessions) {
    this.#sessions = sessions
  }

  /** Sees every connection that begins from now on. */
  watch (server: ConnectionServer): void {
    const isTls = server instanceof TlsServer
    this.#listen(server, 'connection', socket => this.#add(isTls ? this.#greeting : this.#sockets, socket))
    if (!isTls) return
    this.#listen(server, 'secureConnection', socket => {
      this.#greeting.delete((socket as NodeInternals)._parent!)
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
    if (!this.#sockets.delete(socket as NetSocket) && !this.#left.delete(socket as NetSocket)) return
    ;(socket as NetSocket).off('close', onClose)
  }

  /** Its upgrade is left to other listeners. */
  leave (socket: NetSocket): void {
    this.release(socket)
    this.#add(this.#left, socket)
  }

  /** Whether there are connections whose end nobody would notice: they are not read, nor do they keep the process going. */
  get hasUnread (): boolean {
    return [...this.#left].some(isUnread)
  }

  /** Cuts them. A library that refuses an upgrade may forget its connection. */
  cutUnread (): void {
    for (const socket of this.#left) if (isUnread(socket)) socket.destroy()
  }

  /** Cuts every connection that waits for its client. One stays as long as a handler works on an ordinary request. */
  cutWaiting (): void {
    for (const socket of this.#greeting) socket.destroy()
    for (const socket of this.#sockets) if (this.#waitsForClient(socket)) socket.destroy()
  }

  #add (set: Set<NetSocket>, socket: Watched): void {
    // A request that is served as HTTP after all is announced a second time.
    if (set.has(socket)) return
    set.add(socket)
    socket[kWatcher] = this
    socket.on('close', onClose)
  }

  /** A socket has closed. */
  forget (socket: NetSocket): void {
    this.#sockets.delete(socket)
    this.#greeting.delete(socket)
    this.#left.delete(socket)
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

function onClose (this: Watched): void {
  this[kWatcher]!.forget(this)
}
