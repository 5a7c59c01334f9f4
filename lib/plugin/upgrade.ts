import { type IncomingMessage, type Server, ServerResponse, validateHeaderName, validateHeaderValue } from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'

/** Bytes that a client may send ahead of the 101. */
const MAX_EARLY = 64 * 1024
/** How long, in milliseconds, a client may take to leave after a refusal. */
const LINGER = 5000

/** Names that an accepted handshake sets itself or must not carry (RFC 9110 §8.6, §9.7; RFC 6455 §4.2.2). */
const NOT_ON_101 = /^(?:connection|upgrade|keep-alive|content-length|content-type|transfer-encoding|trailer|sec-websocket-.*)$/i

type Headers = Record<string, string | string[]>

/** The response to a handshake: a 101 as RFC 6455 §4.2.2 wants it, whatever hooks have put on it, or any other. */
class HandshakeResponse extends ServerResponse {
  readonly #upgrade: Upgrade

  constructor (request: IncomingMessage, upgrade: Upgrade) {
    super(request)
    this.#upgrade = upgrade
    // A refusal says "Connection: close": no further request could be read from this socket.
    this.shouldKeepAlive = false
  }

  override writeHead (status: number, headers: any): this {
    const { accepted } = this.#upgrade
    if (accepted === null) return super.writeHead(status, headers)
    if (status !== 101) {
      this.#upgrade.refuse()
      return super.writeHead(status, headers)
    }
    const answer: Headers = {}
    for (const [name, value] of Object.entries<any>({ ...this.getHeaders(), ...headers })) {
      this.removeHeader(name)
      if (NOT_ON_101.test(name)) continue
      // Here, because Node has made the response a 101 by the time that it looks.
      validateHeader(name, value)
      answer[name] = value
    }
    return super.writeHead(101, { ...answer, ...accepted })
  }
}

/** @throws HTTP cannot carry the header */
export function validateHeader (name: string, value: unknown): void {
  validateHeaderName(name)
  for (const one of [value].flat()) validateHeaderValue(name, one as string)
}

const upgrades = new WeakMap<IncomingMessage, Upgrade>()

/** A WebSocket handshake under way: the connection from the `upgrade` event to the 101 or the refusal. */
export class Upgrade {
  readonly socket: Duplex
  readonly response: ServerResponse
  /** The client has left; there is nobody to answer. */
  gone = false

  readonly #request: IncomingMessage
  readonly #onDone: (upgrade: Upgrade) => void
  #accepted: { headers: Headers, onOpen: (early: Buffer) => void } | null = null
  #early: Buffer[]
  #earlyBytes: number

  /**
   * Makes a response that writes to the socket, so that the request can go through Fastify as any other.
   *
   * @param socket must not be busy with an earlier request
   * @param onDone called once, when the handshake is accepted, refused or abandoned
   */
  constructor (request: IncomingMessage, socket: Duplex, head: Buffer, onDone: (upgrade: Upgrade) => void) {
    this.socket = socket
    this.#request = request
    this.#onDone = onDone
    this.#early = [head]
    this.#earlyBytes = head.length
    this.response = new HandshakeResponse(request, this)
    this.response.assignSocket(socket as NetSocket)
    this.response.on('finish', this.#finished)
    upgrades.set(request, this)
    socket.on('data', this.#onData)
    socket.on('end', this.#onGone)
    socket.on('close', this.#onGone)
    socket.on('timeout', this.#onTimeout)
    socket.on('error', ignore)
  }

  /** The handshake that a request belongs to; undefined for ordinary requests. */
  static of (request: IncomingMessage): Upgrade | undefined {
    return upgrades.get(request)
  }

  /** The headers of the handshake that was accepted, or null. */
  get accepted (): Headers | null {
    return this.#accepted === null ? null : this.#accepted.headers
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

  /** Drops the connection. */
  destroy (): void {
    this.socket.destroy()
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#early.push(chunk)
    this.#earlyBytes += chunk.length
    // RFC 6455 §4.1: a client waits for the 101. To stop reading would hide that it leaves.
    if (this.#earlyBytes > MAX_EARLY) this.destroy()
  }

  readonly #onGone = (): void => {
    this.gone = true
    // What waits for the client in hooks learns of it: onRequestAbort, request.signal.
    this.#request.destroy()
    this.#release()
  }

  readonly #onTimeout = (): void => this.destroy()

  /** The response has been written. */
  readonly #finished = (): void => {
    if (this.gone) return
    this.response.detachSocket(this.socket as NetSocket)
    this.#release()
    if (this.#accepted === null) this.#leave()
    else this.#open(this.#accepted.onOpen)
  }

  #open (onOpen: (early: Buffer) => void): void {
    const { socket } = this
    upgrades.delete(this.#request)
    socket.off('error', ignore)
    // Timeouts and keep-alive of the HTTP server end here.
    const { setTimeout, setNoDelay } = socket as NetSocket
    setTimeout?.call(socket, 0)
    setNoDelay?.call(socket, true)
    onOpen(this.#early.length === 1 ? this.#early[0]! : Buffer.concat(this.#early))
  }

  /** Ends the connection; what still comes is read and ignored, so that no reset overtakes the response. */
  #leave (): void {
    const { socket } = this
    this.#early = []
    const timer = setTimeout(() => socket.destroy(), LINGER)
    socket.once('close', () => clearTimeout(timer))
    socket.end()
    socket.resume()
  }

  #release (): void {
    const { socket } = this
    socket.off('data', this.#onData)
    socket.off('end', this.#onGone)
    socket.off('close', this.#onGone)
    socket.off('timeout', this.#onTimeout)
    this.#onDone(this)
  }
}

/** Whether the socket still belongs to an earlier request, which has no answer yet. */
export function isBusy (request: IncomingMessage, socket: Duplex): boolean {
  const response = new ServerResponse(request)
  try {
    response.assignSocket(socket as NetSocket)
  } catch {
    return true
  }
  response.detachSocket(socket as NetSocket)
  return false
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

function ignore (): void {}
