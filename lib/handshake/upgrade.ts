import { type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import { type Duplex, Writable } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { acceptKey, type HandshakeHeaders } from '../protocol/handshake.ts'
import { Opening } from './opening.ts'

/** The opening handshake of HTTP/1.1: an upgrade, answered with 101 (RFC 6455 §4.2.2). */
export class Upgrade extends Opening {
  readonly status = 101
  readonly mayBeHttp = true
  readonly response: ServerResponse
  readonly #request: IncomingMessage

  /** @param head what Node has read beyond the request */
  constructor (request: IncomingMessage, transport: Duplex, head: Buffer, onDone: (opening: Opening) => void) {
    super(transport, head, onDone)
    this.#request = request
    this.response = new ServerResponse(request)
    // A refusal says "Connection: close", because no further request could be read from this socket.
    this.response.shouldKeepAlive = false
    // Set on the response itself, because Express changes its prototype.
    const { writeHead } = this.response
    this.response.writeHead = (status: number, ...rest: any[]) => this.#writeHead(writeHead, status, rest)
    this.bind(this.response)
  }

  /** @returns false if the socket still belongs to an earlier request that has no answer yet */
  assignSocket (): boolean {
    try {
      this.response.assignSocket(this.transport as NetSocket)
      return true
    } catch {
      return false
    }
  }

  detachSocket (): void {
    this.response.detachSocket(this.transport as NetSocket)
  }

  protected attach (): boolean {
    if (!this.assignSocket()) {
      // Pipelined behind a request that has no answer yet: two responses cannot share the socket.
      this.transport.destroy()
      return false
    }
    this.response.on('finish', () => this.written())
    return true
  }

  /** There is nothing to restore: the response has not been attached to the socket. */
  restore (): void {}

  get isWritten (): boolean {
    return this.response.writableEnded && this.transport.writableLength === 0
  }

  acceptance (headers: HandshakeHeaders): Record<string, string> {
    return {
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Accept': acceptKey(headers['sec-websocket-key'] as string)
    }
  }

  protected handOver (): void {
    this.detachSocket()
    // Node uncorks it through a method that a Duplex may have replaced, as Duplexify does.
    Writable.prototype.uncork.call(this.transport)
    // The HTTP server's timeouts and keep-alive end here.
    const { transport } = this
    const { setTimeout, setNoDelay } = transport as NetSocket
    setTimeout?.call(transport, 0)
    setNoDelay?.call(transport, true)
  }

  protected endRefused (): void {
    this.detachSocket()
    this.transport.end()
  }

  /** This runs onRequestAbort hooks and aborts request.signal. */
  protected abortRequest (): void {
    this.#request.destroy()
  }

  protected mute (): void {
    this.response.writeHead = () => this.response
  }

  /** Writes a 101 as RFC 6455 §4.2.2 demands, whatever hooks have put on it. Any other response is written as it is. */
  #writeHead (writeHead: (...args: any[]) => ServerResponse, status: number, rest: any[]): ServerResponse {
    const { response } = this
    this.answeredUnasked(status)
    if (status !== this.status) this.refuse()
    if (!this.isAccepted) return writeHead.call(response, status, ...rest)
    const headers = this.takeHeaders(rest.at(-1))
    // A 101 has no body. Deno (2.9) would send an empty chunked one, which a client would take for a frame.
    response.removeHeader('transfer-encoding')
    return writeHead.call(response, status, headers)
  }
}

/**
 * Serves a request as if it had not asked for an upgrade, as any server may (RFC 9110 §7.8): its head is rewritten
 * without the upgrade and goes through the HTTP parser again, followed by whatever came after it.
 */
export function serveAsHttp (server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`]
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i]!
    const value = request.rawHeaders[i + 1]!
    if (/^(?:upgrade|http2-settings)$/i.test(name)) continue
    const rest = /^connection$/i.test(name) ? withoutUpgrade(value) : value
    if (rest !== null) lines.push(`${name}: ${rest}`)
  }
  lines.push('', '')
  socket.unshift(Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), head]))
  server.emit(socket instanceof TLSSocket ? 'secureConnection' : 'connection', socket)
}

/** What else a Connection header says, such as whether the connection is kept alive; null if nothing. */
function withoutUpgrade (connection: string): string | null {
  const options = connection.split(',').map(option => option.trim())
  return options.filter(option => !/^(?:upgrade|http2-settings)?$/i.test(option)).join(', ') || null
}
