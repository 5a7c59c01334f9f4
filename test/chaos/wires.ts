/* One socket's connection as a hostile client has it: bytes, and every way to end it. */
import { connect as connectTcp, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { OFFER } from '../support/deflate.ts'
import { Http2Transport } from '../support/http2-transport.ts'
import { handshake } from '../support/raw-client.ts'
import type { Transport } from './plan.ts'

export interface Wire {
  write (bytes: Buffer): void
  /** FIN, or END_STREAM. */
  end (): void
  /** RST, or RST_STREAM. */
  reset (): void
  /** The connection below goes as well, with a FIN or, over HTTP/2, with all that it carries. */
  destroy (): void
  /** GOAWAY, where there is such a thing. */
  goAway (): void
  /** Breaks a rule of what carries it. */
  violate (): void
  /** Does not read any more, or does again: over HTTP/2 it opens no window. */
  deafen (): void
  hear (): void
}

export interface WireOwner {
  /** The handshake was answered. */
  onAnswer (accepted: boolean): void
  onBytes (bytes: Buffer): void
  /** The server has ended or reset it, or we have. Called once. */
  onOver (): void
}

export interface Target {
  port: number
  transport: Transport
}

/** What is connected to a target, with a TCP socket below. */
export function open ({ port, transport }: Target, protocol: string): { socket: Socket, tcp: Socket } {
  const tcp = connectTcp({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  tcp.on('error', () => {})
  if (transport === 'http1' || transport === 'http2') return { socket: tcp, tcp }
  // Who it is matters to nobody here.
  const socket = connectTls({ socket: tcp, ALPNProtocols: [protocol], rejectUnauthorized: false })
  socket.on('error', () => {})
  tcp.on('close', () => { socket.destroy() })
  return { socket, tcp }
}

/** By the handshake of HTTP/1.1, on whatever carries it: Node's own client of HTTP/2 is behind one such Duplex. */
export class Http1Wire implements Wire {
  readonly #owner: WireOwner
  readonly #socket: Duplex
  readonly #tcp: { resetAndDestroy (): unknown, destroy (): unknown }
  #head: Buffer | null = Buffer.alloc(0)
  #isOver = false

  /** @param early what is sent along with the handshake */
  constructor (target: Target, path: string, offersDeflate: boolean, early: Buffer, owner: WireOwner) {
    this.#owner = owner
    if (target.transport === 'http2') {
      this.#socket = this.#tcp = new Http2Transport(target.port, true)
    } else {
      const { socket, tcp } = open(target, 'http/1.1')
      this.#socket = socket
      this.#tcp = tcp
    }
    this.#socket.on('data', (bytes: Buffer) => { this.#read(bytes) })
    this.#socket.on('error', () => {})
    for (const event of ['end', 'close']) this.#socket.on(event, () => { this.#over() })
    const request = handshake(path, offersDeflate ? OFFER : {})
    this.#socket.write(Buffer.concat([Buffer.from(request), early]))
  }

  write (bytes: Buffer): void {
    if (this.#socket.writable) this.#socket.write(bytes)
  }

  end (): void {
    this.#socket.end()
  }

  reset (): void {
    this.#tcp.resetAndDestroy()
    this.#socket.destroy()
  }

  destroy (): void {
    this.#tcp.destroy()
    this.#socket.destroy()
  }

  goAway (): void {
    this.reset()
  }

  violate (): void {
    this.write(Buffer.alloc(100, 0xff))
  }

  deafen (): void {
    this.#socket.pause()
  }

  hear (): void {
    this.#socket.resume()
  }

  #over (): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#owner.onOver()
  }

  #read (bytes: Buffer): void {
    if (this.#head === null) {
      this.#owner.onBytes(bytes)
      return
    }
    this.#head = Buffer.concat([this.#head, bytes])
    const end = this.#head.indexOf('\r\n\r\n')
    if (end === -1) return
    const rest = this.#head.subarray(end + 4)
    const accepted = this.#head.toString('latin1', 9, 12) === '101'
    this.#head = accepted ? null : Buffer.alloc(0)
    this.#owner.onAnswer(accepted)
    if (accepted && rest.length > 0) this.#owner.onBytes(rest)
  }
}
