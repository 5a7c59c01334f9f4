import { type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'

/** Bytes that a client may send ahead of the 101 before we stop reading. */
const MAX_EARLY = 64 * 1024
/** How long, in milliseconds, a client may take to leave after a refusal. */
const LINGER = 5000

const upgrades = new WeakMap<IncomingMessage, Upgrade>()

/** A WebSocket handshake under way: the connection from the `upgrade` event to the 101 or the refusal. */
export class Upgrade {
  readonly socket: Duplex
  readonly response: ServerResponse
  /** The client has left; there is nobody to answer. */
  gone = false

  readonly #request: IncomingMessage
  readonly #onDone: (upgrade: Upgrade) => void
  #early: Buffer[]
  #earlyBytes: number

  /**
   * Makes a response that writes to the socket, so that the request can go through Fastify as any other.
   *
   * @param onDone called once, when the handshake is accepted, refused or abandoned
   * @throws the socket still belongs to an earlier, pipelined request
   */
  constructor (request: IncomingMessage, socket: Duplex, head: Buffer, onDone: (upgrade: Upgrade) => void) {
    this.socket = socket
    this.#request = request
    this.#onDone = onDone
    this.#early = [head]
    this.#earlyBytes = head.length
    this.response = new ServerResponse(request)
    // A refusal says "Connection: close": no further request could be read from this socket.
    this.response.shouldKeepAlive = false
    this.response.assignSocket(socket as NetSocket)
    this.response.on('finish', this.#finished)
    upgrades.set(request, this)
    socket.on('data', this.#onData)
    socket.on('end', this.#onGone)
    socket.on('close', this.#onGone)
    socket.on('error', ignore)
  }

  /** The handshake that a request belongs to; undefined for ordinary requests. */
  static of (request: IncomingMessage): Upgrade | undefined {
    return upgrades.get(request)
  }

  /** Sends the 101 with these headers and hands over the bytes that came after the request. */
  accept (headers: Record<string, unknown>): Buffer {
    const { response, socket } = this
    response.writeHead(101, headers as Record<string, string>)
    upgrades.delete(this.#request)
    response.off('finish', this.#finished)
    response.end()
    response.detachSocket(socket as NetSocket)
    this.#release()
    socket.off('error', ignore)
    // Timeouts and keep-alive of the HTTP server end here.
    const { setTimeout, setNoDelay } = socket as NetSocket
    setTimeout?.call(socket, 0)
    setNoDelay?.call(socket, true)
    return this.#early.length === 1 ? this.#early[0]! : Buffer.concat(this.#early)
  }

  /** Drops the connection. */
  destroy (): void {
    this.socket.destroy()
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#early.push(chunk)
    this.#earlyBytes += chunk.length
    if (this.#earlyBytes > MAX_EARLY) this.socket.pause()
  }

  readonly #onGone = (): void => {
    this.gone = true
    // What waits for the client in hooks learns of it: onRequestAbort, request.signal.
    this.#request.destroy()
    this.#release()
  }

  /** The refusal has been written: the connection ends, and what still comes is read and ignored. */
  readonly #finished = (): void => {
    if (this.gone) return
    const { response, socket } = this
    response.detachSocket(socket as NetSocket)
    this.#release()
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
    this.#onDone(this)
  }
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
