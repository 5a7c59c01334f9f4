import {
  type IncomingMessage, type Server, ServerResponse, STATUS_CODES, validateHeaderName, validateHeaderValue
} from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { ownTransport, type TransportOwner } from '../connection/transport.ts'
import { FST_ERR_WS_HANDSHAKE_TIMEOUT } from '../errors.ts'

/** Bytes that a client may send ahead of the 101. */
const MAX_EARLY = 64 * 1024
/** How long, in milliseconds, a client may take to leave after a refusal. */
const LINGER = 5000

const EMPTY = Buffer.alloc(0)

/** Names that an accepted handshake sets itself or must not carry (RFC 9110 §8.6, §9.7; RFC 6455 §4.2.2). */
const NOT_ON_101 = /^(?:connection|upgrade|keep-alive|content-length|content-type|transfer-encoding|trailer|sec-websocket-.*)$/i

type Headers = Record<string, string | string[]>

/** What a route knows of a handshake. */
export interface UpgradeHost {
  /** Milliseconds that the answer may take. */
  readonly timeout: number
  /** It has taken longer; the upgrade answers by itself. */
  onTimeout (): void
  /** It has ended without a connection; the status is null if the client left before there was one. */
  onRefused (status: number | null): void
}

/**
 * A WebSocket handshake under way, from the `upgrade` event to the 101 or the refusal. It is the response as well: a 101
 * as RFC 6455 §4.2.2 wants it, whatever hooks have put on it, or any other.
 */
export class Upgrade extends ServerResponse implements TransportOwner {
  readonly transport: Duplex
  /** The client has left; there is nobody to answer. */
  gone = false
  /** Null as long as no route is known that it is for. */
  host: UpgradeHost | null = null

  readonly #onDone: (upgrade: Upgrade) => void
  #accepted: { headers: Headers, onOpen: (early: Buffer) => void } | null = null
  /** What came after the request, and perhaps room for more. */
  #early: Buffer
  #earlyBytes: number
  #isWaiting = false
  #done = false
  /** The answer has taken too long. */
  #expired = false
  /** For the answer; after a refusal, for the client to leave. */
  #timer: NodeJS.Timeout | undefined

  /** @param onDone called once, when the handshake is accepted, refused or abandoned */
  constructor (request: IncomingMessage, transport: Duplex, head: Buffer, onDone: (upgrade: Upgrade) => void) {
    super(request)
    // A refusal says "Connection: close": no further request could be read from this socket.
    this.shouldKeepAlive = false
    this.transport = transport
    this.#onDone = onDone
    this.#early = head
    this.#earlyBytes = head.length
  }

  /** The handshake that a response belongs to; undefined for ordinary responses. */
  static of (response: unknown): Upgrade | undefined {
    return response instanceof Upgrade ? response : undefined
  }

  /**
   * Takes the socket, so that the request can go through Fastify as any other.
   *
   * @returns false if the socket still belongs to an earlier request, which has no answer yet
   */
  takeSocket (): boolean {
    try {
      this.assignSocket(this.transport as NetSocket)
      return true
    } catch {
      return false
    }
  }

  /** The request is about to go through Fastify: takes over whatever happens on the transport meanwhile. */
  begin (): void {
    ownTransport(this.transport, this)
    this.on('finish', this.#written)
  }

  /** Whether nothing is left to be written. */
  get isWritten (): boolean {
    return this.writableEnded && this.transport.writableLength === 0
  }

  /** The handshake has a route. */
  meet (host: UpgradeHost): void {
    this.host = host
    if (this.gone) host.onRefused(null)
    else if (this.#isWaiting) this.#limit()
  }

  /** The response takes its time: holds early bytes meanwhile, and notices a client that leaves. */
  wait (): void {
    this.#isWaiting = true
    this.#limit()
    this.transport.on('timeout', cut)
    this.transport.resume()
  }

  #limit (): void {
    if (this.host !== null) this.#timer = setTimeout(() => this.#expire(), this.host.timeout)
  }

  /** Answers in place of hooks that do not, and without them. */
  #expire (): void {
    this.#expired = true
    this.host!.onTimeout()
    if (this.headersSent) {
      this.transport.destroy()
      return
    }
    // Of what hooks that come to their end later write behind the answer.
    this.on('error', () => {})
    const { statusCode, code, message } = new FST_ERR_WS_HANDSHAKE_TIMEOUT(this.host!.timeout)
    const body = JSON.stringify({ statusCode, code, error: STATUS_CODES[statusCode!], message })
    this.writeHead(statusCode!, {
      'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body)
    })
    this.end(body)
    // By which request.signal tells the hook; to destroy the request would reset the connection.
    this.req.emit('close')
  }

  /**
   * Lets the 101 that follows open the connection.
   *
   * @param headers those of the handshake; they win over all others
   * @param onOpen called when it has been written, with the bytes that came after the request
   */
  accept (headers: Headers, onOpen: (early: Buffer) => void): void {
    this.#accepted = { headers, onOpen }
  }

  /** Takes `accept` back: what follows is a refusal after all. False if there was nothing to take back. */
  refuse (): boolean {
    const accepted = this.#accepted !== null
    this.#accepted = null
    return accepted
  }

  override writeHead (status: number, headers: any): this {
    // To throw here could be to throw into a timer of a hook.
    if (this.#expired && this.headersSent) return this
    if (status !== 101) this.refuse()
    if (this.#accepted === null) return super.writeHead(status, headers)
    const answer = { ...this.#accepted.headers }
    const others: Record<string, any> = { ...this.getHeaders(), ...headers }
    for (const name of Object.keys(others)) {
      this.removeHeader(name)
      if (NOT_ON_101.test(name)) continue
      // Here, because Node has made the response a 101 by the time that it looks.
      validateHeader(name, others[name])
      answer[name] = others[name]
    }
    return super.writeHead(101, answer)
  }

  transportRead (bytes: Buffer, length: number): void {
    // After a refusal what still comes is read and ignored, so that no reset overtakes the response.
    if (this.#done) return
    // RFC 6455 §4.1: a client waits for the 101. To stop reading would hide that it leaves.
    if (this.#earlyBytes + length > MAX_EARLY) this.transport.destroy()
    else this.#keepEarly(bytes, length)
  }

  #keepEarly (bytes: Buffer, length: number): void {
    const kept = this.#earlyBytes
    this.#earlyBytes += length
    if (this.#early.length < this.#earlyBytes) {
      // Twice the room each time: bytes that come one by one are not copied for each of them, nor kept as so many buffers.
      const room = Buffer.allocUnsafeSlow(this.#earlyBytes * 2)
      this.#early.copy(room, 0, 0, kept)
      this.#early = room
    }
    bytes.copy(this.#early, kept, 0, length)
  }

  transportEnded (): void {
    this.#left()
  }

  transportFailed (): void {}

  transportClosed (): void {
    clearTimeout(this.#timer)
    this.#left()
  }

  #left (): void {
    if (this.#done) return
    this.gone = true
    // What waits for the client in hooks learns of it: onRequestAbort, request.signal.
    this.req.destroy()
    this.#settle(false)
  }

  /** The response has been written. */
  #written (): void {
    if (this.gone) return
    this.detachSocket(this.transport as NetSocket)
    this.#settle(this.#accepted !== null)
    if (this.#accepted === null) this.#leave()
    else this.#open(this.#accepted.onOpen)
  }

  #settle (accepted: boolean): void {
    this.#done = true
    clearTimeout(this.#timer)
    this.transport.off('timeout', cut)
    this.#onDone(this)
    if (accepted) return
    this.#early = EMPTY
    this.host?.onRefused(this.gone ? null : this.statusCode)
  }

  #open (onOpen: (early: Buffer) => void): void {
    // Timeouts and keep-alive of the HTTP server end here.
    const { transport } = this
    const { setTimeout, setNoDelay } = transport as NetSocket
    setTimeout?.call(transport, 0)
    setNoDelay?.call(transport, true)
    onOpen(this.#early.subarray(0, this.#earlyBytes))
  }

  /** Ends the connection; reads on, to see the client leave. */
  #leave (): void {
    const { transport } = this
    this.#timer = setTimeout(() => transport.destroy(), LINGER)
    transport.end()
    transport.resume()
  }
}

/** @throws HTTP cannot carry the header */
export function validateHeader (name: string, value: unknown): void {
  validateHeaderName(name)
  for (const one of [value].flat()) validateHeaderValue(name, one as string)
}

/**
 * Serves a request as if it had not asked for an upgrade, which every server may do (RFC 9110 §7.8): its head is
 * written anew without the request to upgrade and goes through the HTTP parser again, followed by whatever came after.
 */
export function serveAsHttp (server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`]
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i]!
    if (!/^(?:upgrade|connection|http2-settings)$/i.test(name)) lines.push(`${name}: ${request.rawHeaders[i + 1]}`)
  }
  lines.push('Connection: close', '', '')
  socket.unshift(Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), head]))
  server.emit(socket instanceof TLSSocket ? 'secureConnection' : 'connection', socket)
}

function cut (this: Duplex): void {
  this.destroy()
}
