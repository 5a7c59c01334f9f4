import type { Duplex } from 'node:stream'
import { CloseCode } from '../contract/close-code.ts'
import type { SocketState } from '../contract/socket.ts'
import type { Agreement } from '../deflate/negotiate.ts'
import {
  ClosingHandshake, type ClosingEvent, CLOSE_SENT, CUT, CUT_WHEN_WRITTEN, END, OPEN, SEND
} from '../protocol/closing.ts'
import type { Role } from '../protocol/frame-decoder.ts'
import { BINARY, CLOSE, PING, PONG } from '../protocol/opcode.ts'
import type { ProtocolError } from '../protocol/protocol-error.ts'
import { DeflateQueue } from './deflate-queue.ts'
import type { ConnectionOwner, ConnectionOptions } from './owner.ts'
import type { MessageForm } from './message-form.ts'
import { Outbox, type OutboxOwner } from './outbox.ts'
import { Reader, type ReaderOwner } from './reader.ts'
import { cutTransport, cutWhenEnded, ownTransport, type TransportOwner } from './transport.ts'

/** One WebSocket connection in either role: the protocol on a Duplex. */
export class Connection implements ReaderOwner, OutboxOwner, TransportOwner {
  messagesIn = 0
  messagesOut = 0
  bytesIn = 0
  /** When the peer was last heard, or we last began to listen, by `options.clock`. */
  heardAt: number

  readonly #duplex: Duplex
  readonly #owner: ConnectionOwner
  readonly options: ConnectionOptions
  readonly #reader: Reader
  /** What is written, and at once: control frames. */
  readonly #outbox: Outbox
  /** Messages and, behind them, the close frame. */
  readonly #messages: Outbox | DeflateQueue

  readonly #closing: ClosingHandshake
  /** Runs from when the end begins: what is left of `closeTimeout`. */
  #deadline: NodeJS.Timeout | undefined
  /** The last ping that came while too much waited to be written. */
  #unanswered: Buffer | null = null

  /**
   * Takes the Duplex over; reading begins with `start`, in the same turn.
   *
   * @param compression what the handshake has agreed on, or null
   */
  constructor (
    role: Role, duplex: Duplex, owner: ConnectionOwner, options: ConnectionOptions, compression: Agreement | null
  ) {
    this.#closing = new ClosingHandshake(role)
    this.#duplex = duplex
    this.#owner = owner
    this.options = options
    this.heardAt = options.clock.now
    const peer = role === 'server' ? 'client' : 'server'
    const received = compression === null ? null : compression[peer]
    this.#reader = new Reader(role, duplex, this, options.maxPayload, received, options.rate)
    this.#outbox = new Outbox(duplex, role === 'client', options.highWaterMark, this, this.#reader.trace)
    this.#messages = compression === null ? this.#outbox
      : new DeflateQueue(this.#outbox, compression[role], options.deflate, error => this.onFailure(error))
    ownTransport(duplex, this)
  }

  get state (): SocketState {
    return this.#closing.socketState
  }

  get isOpen (): boolean {
    return this.#closing.maySend
  }

  /** Whether both close frames have passed, or no more will. */
  get isEnding (): boolean {
    return this.#closing.isEnding
  }

  /** Whether we have stopped reading, so that silence says nothing about the peer. */
  get isPaused (): boolean {
    return this.#reader.isPaused
  }

  get bufferedAmount (): number {
    return this.#outbox.bufferedAmount
  }

  get bytesOut (): number {
    return this.#outbox.bytesWritten
  }

  /** Begins to read: first what has been read from the Duplex already. */
  start (head: Buffer): void {
    if (head.length > 0) this.transportRead(head, head.length)
    this.#reader.start()
  }

  /** @returns false as `BaseSocket.send` does */
  sendText (text: string): boolean {
    // A character takes three bytes at most: few messages need an exact count to be known to fit.
    if (!this.#fits(text.length * 3) && !this.#maySend(Buffer.byteLength(text))) return false
    this.messagesOut++
    this.#messages.text(text)
    return this.#outbox.bufferedAmount <= this.options.highWaterMark
  }

  /** @returns false as `BaseSocket.send` does */
  sendBinary (data: Uint8Array): boolean {
    if (!this.#maySend(data.length)) return false
    this.messagesOut++
    this.#messages.frame(BINARY, data)
    return this.#outbox.bufferedAmount <= this.options.highWaterMark
  }

  /** @returns false as `BaseSocket.send` does */
  sendForm (form: MessageForm): boolean {
    if (!this.#maySend(form.byteLength)) return false
    this.messagesOut++
    this.#messages.form(form)
    return this.#outbox.bufferedAmount <= this.options.highWaterMark
  }

  sendPing (payload: Uint8Array): void {
    if (this.#closing.maySend) this.#outbox.frame(PING, payload)
  }

  /** Stops reading: frames wait in the transport, and its flow control slows the peer. */
  pause (): void {
    if (this.#closing.mayDeliver) this.#reader.pause()
  }

  resume (): void {
    this.#reader.resume()
  }

  /** Begins the closing handshake, unless it has begun. No message is handed on any more. */
  close (code: number, reason: string): void {
    this.#advance('close', code, reason)
  }

  /** The same for a reason that is none of the consumer's: what the peer sends before its close frame is handed on. */
  closeGently (code: number, reason: string): void {
    this.#advance('closeGently', code, reason)
  }

  /** What has begun as a close for a fault of the peer is to reach it: `terminate` waits until it has been written. */
  insistOnClose (): void {
    this.#advance('insist')
  }

  /** Cuts the connection: at once, or when the close frame that it owes the peer has been written. */
  terminate (): void {
    this.#advance(this.#closing.owesFrame ? 'cutWhenTold' : 'cut')
  }

  /** Cuts the connection at once. */
  cut (): void {
    this.#advance('cut')
  }

  onText (text: string, byteLength: number): void {
    if (!this.#closing.mayDeliver) return
    this.messagesIn++
    this.#owner.onText(text, byteLength)
  }

  onBinary (data: Buffer): void {
    if (!this.#closing.mayDeliver) return
    this.messagesIn++
    this.#owner.onBinary(data)
  }

  onPing (payload: Buffer): void {
    if (!this.#closing.maySend) return
    // RFC 6455 §5.5.3: only the last ping needs an answer. A peer that does not read must not fill the memory with pongs.
    const isFull = this.#outbox.bufferedAmount > this.options.highWaterMark
    this.#unanswered = isFull ? payload : null
    if (!isFull) this.#outbox.frame(PONG, payload)
    this.#owner.onPing(payload)
  }

  onDrain (): void {
    if (this.#unanswered !== null && this.#closing.maySend) this.#outbox.frame(PONG, this.#unanswered)
    this.#unanswered = null
    this.#owner.onDrain()
  }

  onPong (payload: Buffer): void {
    this.#owner.onPong(payload)
  }

  onClose (code: number, reason: string): void {
    this.#advance('closeFrame', code, reason)
  }

  transportRead (bytes: Buffer, length: number): void {
    this.bytesIn += length
    this.heardAt = this.options.clock.now
    this.#reader.read(bytes, length)
  }

  /** Whatever the peer has sent meanwhile is yet to come. */
  onReading (): void {
    this.heardAt = this.options.clock.now
  }

  /** Replies to the frames of a chunk leave together. */
  onReadStart (): void {
    this.#outbox.cork()
  }

  onReadEnd (): void {
    this.#outbox.uncork()
  }

  onOverRate (): void {
    if (this.#closing.mayDeliver) this.#owner.onOverRate()
  }

  /** The one place where violations end up: the peer is told which rule it broke. */
  onViolation (error: ProtocolError): void {
    this.#fail(error.closeCode, error.message, error)
  }

  /** Something of ours has failed: what, is none of the peer's business. */
  onFailure (error: Error): void {
    this.#fail(CloseCode.INTERNAL_ERROR, 'internal error', error)
  }

  /** Fails the connection (RFC 6455 §7.1.7), and then tells of it. */
  #fail (code: number, reason: string, error: Error): void {
    this.#advance('fail', code, reason)
    this.#owner.onError(error)
  }

  /** The one place where the end comes nearer: does what the closing handshake asks for. */
  #advance (event: ClosingEvent, code?: number, reason?: string): void {
    const before = this.#closing.state
    const todo = this.#closing.on(event, code, reason)
    const { state } = this.#closing
    if ((todo & SEND) !== 0) this.#messages.frame(CLOSE, this.#closing.payload)
    if (state !== before) {
      if (before === OPEN) this.#deadline = setTimeout(() => this.#giveUp(), this.options.closeTimeout)
      if (this.#closing.isEnding) this.#reader.stop()
      else if (state === CLOSE_SENT) this.#reader.finish()
    }
    if ((todo & END) !== 0) this.#messages.end()
    if ((todo & CUT) !== 0) cutTransport(this.#duplex)
    if ((todo & CUT_WHEN_WRITTEN) !== 0) cutWhenEnded(this.#duplex)
  }

  #giveUp (): void {
    this.#advance(this.bufferedAmount > 0 ? 'timeoutUnsent' : 'timeout')
  }

  #fits (length: number): boolean {
    return this.#closing.maySend && this.#outbox.bufferedAmount + length <= this.options.maxBuffered
  }

  #maySend (length: number): boolean {
    if (this.#fits(length)) return true
    if (!this.#closing.maySend) return false
    if (this.#outbox.hasRoom(length, this.options.maxBuffered)) return true
    this.#owner.onOverflow()
    return false
  }

  transportEnded (): void {
    this.#reader.peerEnded()
  }

  onPeerEnded (): void {
    this.#advance('peerEnded')
  }

  transportFailed (error: Error): void {
    this.#owner.onError(error)
  }

  transportClosed (): void {
    this.#reader.gone()
  }

  onTransportGone (): void {
    const info = this.#closing.gone()
    clearTimeout(this.#deadline)
    this.#reader.stop()
    this.#messages.discard()
    this.#owner.onClose(info)
  }
}
