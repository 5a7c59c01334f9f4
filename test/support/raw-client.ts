import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { frame, readFrame, type WireFrame } from './frames.ts'
import { type ClientTransport, connectTransport } from './transport.ts'

/** The key of RFC 6455 §1.3; its accept value is `s3pPLMBiTxaQ9kYGzzhZRbK+xOo=`. */
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/** An HTTP response as it stood on the wire. */
export interface WireResponse {
  status: number
  /** Names in lower case; values of a repeated name in order. */
  headers: Record<string, string[]>
  body: string
}

export function handshake (url: string, headers: Record<string, string | undefined> = {}, method = 'GET'): string {
  const all: Record<string, string | undefined> = {
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': KEY,
    'Sec-WebSocket-Version': '13',
    ...headers
  }
  const lines = Object.entries(all).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${value}`)
  return `${method} ${url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
}

/** A plain request, the last one on its connection. */
export function get (url: string): string {
  return `GET ${url} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`
}

/** A client that writes the bytes it is told to and collects what comes back. Knows nothing of lib/. */
export class RawClient {
  readonly socket: ClientTransport
  received = Buffer.alloc(0)
  ended = false
  #wake: () => void = () => {}

  /** @param options.transport what is connected already */
  constructor (port: number, options: { allowHalfOpen?: boolean, transport?: Duplex } = {}) {
    const { transport, ...others } = options
    this.socket = (transport ?? connectTransport(port, others)) as ClientTransport
    this.socket.on('data', chunk => {
      this.received = Buffer.concat([this.received, chunk])
      this.#wake()
    })
    for (const event of ['end', 'close', 'error']) {
      this.socket.on(event, () => {
        this.ended = true
        this.#wake()
      })
    }
  }

  /** Connects and passes the handshake. */
  static async open (port: number, url: string, headers: Record<string, string | undefined> = {}): Promise<RawClient> {
    const client = new RawClient(port)
    client.write(handshake(url, headers))
    const response = await client.response()
    if (response.status !== 101) throw new Error(`handshake refused: ${response.status} ${response.body}`)
    return client
  }

  write (data: string | Uint8Array): void {
    this.socket.write(data)
  }

  /** Sends one masked frame. */
  send (opcode: number, payload: string | Uint8Array = '', options: { fin?: boolean, rsv?: number } = {}): void {
    this.write(frame(opcode, payload, { masked: true, ...options }))
  }

  /** The next HTTP response; its body is what Content-Length says, or nothing for a 101. */
  async response (): Promise<WireResponse> {
    await this.#until(() => this.received.includes('\r\n\r\n'))
    const end = this.received.indexOf('\r\n\r\n')
    const [statusLine, ...lines] = this.received.toString('latin1', 0, end).split('\r\n')
    const headers: Record<string, string[]> = {}
    for (const line of lines) {
      const colon = line.indexOf(':')
      const name = line.slice(0, colon).toLowerCase()
      headers[name] = [...headers[name] ?? [], line.slice(colon + 1).trim()]
    }
    const length = Number(headers['content-length']?.[0] ?? 0)
    await this.#until(() => this.received.length >= end + 4 + length)
    const body = this.received.toString('utf8', end + 4, end + 4 + length)
    this.received = this.received.subarray(end + 4 + length)
    return { status: Number(statusLine!.split(' ')[1]), headers, body }
  }

  /** The next frame from the server. */
  async frame (): Promise<WireFrame> {
    let read = readFrame(this.received)
    while (read === null) {
      const before = this.received.length
      await this.#until(() => this.received.length > before)
      read = readFrame(this.received)
    }
    this.received = this.received.subarray(read.size)
    return read
  }

  /** The next frame, which must be a close: its code (1005 for none) and reason. */
  async close (): Promise<{ code: number, reason: string }> {
    const { opcode, payload } = await this.frame()
    if (opcode !== 8) throw new Error(`expected a close frame, got opcode ${opcode}: ${payload.toString()}`)
    if (payload.length === 0) return { code: 1005, reason: '' }
    return { code: payload.readUInt16BE(0), reason: payload.toString('utf8', 2) }
  }

  /** Resolves when the server has ended or reset the connection. */
  async end (): Promise<void> {
    while (!this.ended) await this.#next()
  }

  /** Resets the connection. */
  reset (): void {
    this.socket.resetAndDestroy()
  }

  async destroy (): Promise<void> {
    if (this.socket.closed) return
    this.socket.destroy()
    await once(this.socket, 'close')
  }

  async #until (isTrue: () => boolean): Promise<void> {
    while (!isTrue()) {
      if (this.ended) throw new Error(`the connection ended early; received ${JSON.stringify(this.received.toString('latin1'))}`)
      await this.#next()
    }
  }

  #next (): Promise<void> {
    return new Promise(resolve => { this.#wake = resolve })
  }
}
