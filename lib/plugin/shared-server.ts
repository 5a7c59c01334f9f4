import { IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type Http2Server, Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { Socket as NetSocket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { ExtendedConnect } from '../handshake/extended-connect.ts'
import { shareStrings } from '../handshake/header-strings.ts'
import type { HttpConnections } from '../handshake/http-connections.ts'
import type { Http2Sessions } from '../handshake/http2-sessions.ts'
import type { Opening } from '../handshake/opening.ts'
import { serveAsHttp, Upgrade } from '../handshake/upgrade.ts'
import { EMPTY } from '../protocol/empty.ts'
import { isWebSocketUpgrade } from '../protocol/handshake.ts'
import { askFastify } from './asking.ts'
import { sharedSymbol } from './copies.ts'
import type { Shutdown } from './shutdown.ts'
import { whenUntaken } from './untaken.ts'

/** Marks what any copy of this package has put on a server. */
const kOurs: unique symbol = sharedSymbol('ours') as never

type Emit = (event: string, ...args: any[]) => boolean

/** `head` comes with HTTP/1.1 only: what Node has read beyond the request. */
type ConnectEvent = [request: Http2ServerRequest | IncomingMessage, response: Http2ServerResponse | Duplex, head: Buffer]

/** Node 24.9 and later asks this before a connection leaves HTTP. */
interface UpgradeFilter {
  shouldUpgradeCallback?: (request: IncomingMessage) => boolean
}

/** What a server needs of its app. */
export interface ServerParts {
  readonly app: FastifyInstance
  readonly sessions: Http2Sessions
  readonly connections: HttpConnections
  readonly shutdown: Shutdown
  /** Until boot, routes have no hooks, and nobody knows which of them are ours. */
  readonly isBooted: () => boolean
}

/**
 * A server that others may listen to as well. Whoever came first, they only get events that are not for a WebSocket route:
 * a second listener would answer too, or give up on a handshake that takes its time.
 */
export class SharedServer {
  readonly #server: Server
  readonly #parts: ServerParts
  /** The server's own `emit`: it reaches the other listeners. */
  readonly #emit: Emit
  readonly #claim: Emit
  readonly #shouldUpgradeBefore: UpgradeFilter['shouldUpgradeCallback']
  readonly #shouldUpgrade: UpgradeFilter['shouldUpgradeCallback']
  #isAttached = true

  constructor (server: Server, parts: ServerParts) {
    this.#server = server
    this.#parts = parts
    this.#emit = server.emit as Emit
    this.#claim = server.emit = this.#claimer()
    // Without any listener, Node would not emit.
    server.on('upgrade', placeholder)
    if (isHttp2(server)) this.#attachHttp2(server)
    const filter = server as UpgradeFilter
    this.#shouldUpgradeBefore = filter.shouldUpgradeCallback
    this.#shouldUpgrade = request => this.#shouldUpgradeBefore!.call(server, request) && (this.#hasOthers('upgrade') || isForUs(request))
    // Node itself serves as HTTP whatever this declines.
    if (this.#shouldUpgradeBefore !== undefined) filter.shouldUpgradeCallback = this.#shouldUpgrade
  }

  /** Leaves the server as it was. */
  detach (): void {
    this.#isAttached = false
    const server = this.#server as Server & UpgradeFilter
    server.off('upgrade', placeholder)
    server.off('connect', placeholder)
    // If somebody has wrapped our functions in the meantime, they stay, and pass everything on.
    if (server.emit === this.#claim) server.emit = this.#emit
    if (server.shouldUpgradeCallback === this.#shouldUpgrade) server.shouldUpgradeCallback = this.#shouldUpgradeBefore!
  }

  /** The function that replaces the server's `emit`. */
  #claimer (): Emit {
    const shared = this
    const emit = this.#emit
    function claim (this: Server, event: string, ...args: any[]): boolean {
      if (event === 'upgrade' && shared.#isAttached) shared.#onUpgrade(args[0], args[1], args[2] ?? EMPTY)
      else if (event === 'connect' && shared.#isAttached && isHttp2(this)) shared.#onConnect(...args as ConnectEvent)
      else return emit.call(this, event, ...args)
      return true
    }
    return Object.defineProperty(claim, kOurs, { get: () => shared.#isAttached })
  }

  /** Whether an event has other listeners, which may be those of another app on the same server. */
  #hasOthers (event: string): boolean {
    return isOurs(this.#emit) || this.#server.listeners(event).some(listener => !isOurs(listener))
  }

  #attachHttp2 (server: Http2Server): void {
    announce(server, this.#parts.sessions)
    server.on('connect', placeholder)
  }

  #onUpgrade (request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (!this.#hasOthers('upgrade')) {
      this.#serve(request, socket, head)
      return
    }
    // The client may leave before somebody takes its request, and Node has no error listener at this point.
    if (!socket.listeners('error').includes(ignore)) socket.on('error', ignore)
    const passOn = (): void => this.#passOnUpgrade(request, socket, head)
    if (!isForUs(request) || !this.#parts.isBooted()) {
      passOn()
      return
    }
    const upgrade = new Upgrade(realRequest(request, socket), socket, head, this.#handshakeDone)
    this.#ask(upgrade, passOn)
  }

  /** Nobody else can answer: takes a handshake, and serves any other upgrade as plain HTTP. */
  #serve (request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const upgrade = new Upgrade(realRequest(request, socket), socket, head, this.#handshakeDone)
    if (isForUs(request)) {
      this.#admit(upgrade)
    } else if (upgrade.assignSocket()) {
      upgrade.detachSocket()
      serveAsHttp(this.#server, request, socket, head)
    } else {
      socket.destroy()
    }
  }

  #passOnUpgrade (request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const net = socket as NetSocket & { _httpMessage?: object | null }
    this.#parts.connections.passOn(net)
    const { bytesWritten, readableFlowing } = net
    // The bytes that are written may be the answer to an earlier request.
    const isOwed = Boolean(net._httpMessage)
    const isAnswered = (): boolean => net.destroyed || net.writableEnded || net.readableFlowing !== readableFlowing ||
      (net.bytesWritten !== bytesWritten && !isOwed)
    // For a Duplex that somebody emitted by hand, there is no way to tell whether it was answered.
    if (bytesWritten !== undefined) {
      whenUntaken([socket, request], isAnswered, () => {
        this.#parts.connections.release(socket)
        this.#serve(request, socket, head)
      })
    }
    this.#emit.call(this.#server, 'upgrade', request, socket, head)
  }

  #onConnect (...event: ConnectEvent): void {
    const [request, response] = event
    const hasOthers = this.#hasOthers('connect')
    if (!(request instanceof Http2ServerRequest)) {
      // A CONNECT over HTTP/1.1. Where nobody listens, Node does the same.
      if (hasOthers) this.#emit.call(this.#server, 'connect', ...event)
      else (response as Duplex).destroy()
      return
    }
    // The client reset it before anybody could look at it.
    if (request.stream.destroyed) return
    const answer = response as Http2ServerResponse
    if (!hasOthers) {
      this.#serveConnect(request, answer)
      return
    }
    const passOn = (): void => this.#passOnConnect(request, answer)
    if (protocolOf(request) === 'websocket' && this.#parts.isBooted()) this.#ask(this.#connect(request, answer), passOn)
    else passOn()
  }

  #serveConnect (request: Http2ServerRequest, response: Http2ServerResponse): void {
    const protocol = protocolOf(request)
    const connect = this.#connect(request, response)
    if (protocol === 'websocket') this.#admit(connect)
    // RFC 9220 §3 asks for a 501 to an unknown protocol. A CONNECT without a protocol gets what Node would answer.
    else connect.answer(protocol === undefined ? 405 : 501)
  }

  #passOnConnect (request: Http2ServerRequest, response: Http2ServerResponse): void {
    const { stream } = request
    const isAnswered = (): boolean => stream.destroyed || stream.headersSent
    whenUntaken([stream, request, response], isAnswered, () => this.#serveConnect(request, response))
    this.#emit.call(this.#server, 'connect', request as any, response)
  }

  #connect (request: Http2ServerRequest, response: Http2ServerResponse): ExtendedConnect {
    return new ExtendedConnect(request, response, this.#parts.sessions, this.#handshakeDone)
  }

  /** Sends a handshake through Fastify, like any other request. */
  #admit (opening: Opening): void {
    if (opening.transport.destroyed || !opening.begin()) return
    this.#parts.app.routing(opening.response.req as IncomingMessage, opening.response as ServerResponse)
    this.#follow(opening)
  }

  #follow (opening: Opening): void {
    if (opening.isWritten || opening.isDone) return
    this.#parts.shutdown.add(opening)
    opening.wait()
  }

  /** Does the same, but only as far as it takes to learn whether the handshake has a WebSocket route. */
  #ask (opening: Opening, passOn: () => void): void {
    askFastify(this.#parts.app, opening, () => {
      if (!opening.isTheirs) this.#follow(opening)
      else if (!opening.transport.destroyed) passOn()
    })
  }

  readonly #handshakeDone = (opening: Opening): void => {
    if (opening.isAccepted) this.#parts.connections.release(opening.transport)
    this.#parts.shutdown.delete(opening)
  }
}

/** Tells clients that they may open WebSockets over HTTP/2 (RFC 8441 §3). */
export function announce (server: Http2Server, sessions: Http2Sessions): void {
  server.updateSettings({ enableConnectProtocol: true })
  sessions.watch(server)
}

export function isHttp2 (server: object): server is Http2Server {
  return 'updateSettings' in server
}

const kForUs = Symbol('fastify-sockets.isForUs')

/** The result is kept on the request, because Node 24.9 and later has us ask twice. */
function isForUs (request: IncomingMessage & { [kForUs]?: boolean }): boolean {
  if (request[kForUs] === undefined) {
    // This must come before anyone reads the headers: that is when Node makes an object of them.
    if (request instanceof IncomingMessage) shareStrings(request.rawHeaders)
    request[kForUs] = isWebSocketUpgrade(request.method, request.headers)
  }
  return request[kForUs]
}

/** The `injectWS` of @fastify/websocket emits a plain object instead of a request, with only the headers that it needs itself. */
function realRequest (request: IncomingMessage, socket: Duplex): IncomingMessage {
  if (request instanceof IncomingMessage) return request
  const { method, url, headers } = request as IncomingMessage
  const made = new IncomingMessage(socket as any)
  const pairs = Object.entries({ host: 'localhost', ...headers }).map(([name, value]) => [name.toLowerCase(), String(value)])
  return Object.assign(made, {
    method, url, httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1, complete: true, rawHeaders: pairs.flat(),
    headers: Object.fromEntries(pairs)
  })
}

function protocolOf ({ headers }: Http2ServerRequest): string | undefined {
  return headers[':protocol']?.toString().toLowerCase()
}

const placeholder = Object.assign(() => {}, { [kOurs]: true })

function isOurs (listener: Function & { [kOurs]?: boolean }): boolean {
  return listener[kOurs] === true
}

function ignore (): void {}
