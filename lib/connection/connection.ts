import type { Duplex } from 'node:stream'
import { CloseCode } from '../contract/close-code.ts'
import type { SocketState } from '../contract/socket.ts'
import type { Deflation } from '../deflate/deflater.ts'
import type { Agreement } from '../deflate/negotiate.ts'
import {
  ClosingHandshake, type ClosingEvent, CLOSE_SENT, CUT, CUT_WHEN_WRITTEN, END, OPEN, SEND
} from '../protocol/closing.ts'
import type { Role } from '../protocol/frame-decoder.ts'
import { BINARY, CLOSE, PING } from '../protocol/opcode.ts'
import type { ProtocolError } from '../protocol/protocol-error.ts'
import { Answers } from './answers.ts'
import { DeflateQueue } from './deflate-queue.ts'
import type { ConnectionOwner, ConnectionOptions, OutboxOwner } from './owner.ts'
import type { MessageForm } from './message-form.ts'
import { Outbox } from './outbox.ts'
import { Reader, type ReaderOwner } from './reader.ts'
import { cutTransport, cutWhenEnded, ownTransport, type TransportOwner } from './transport.ts'

/** One WebSocket connection in either role: the protocol on a Duplex. */
export class Connection implements ReaderOwner, OutboxOwner, TransportOwner {
  messagesIn = 0
  messagesOut = 0
  bytesIn = 0
  /** When we last heard the peer or last began to read, on `options.clock`. */
  heardAt: number

  readonly #duplex: Duplex
  readonly #owner: ConnectionOwner
  readonly options: ConnectionOptions
  readonly #reader: Reader
  /** Writes every frame. Pings and answers to pings go straight to it. */
  readonly #outbox: Outbox
  /** Takes messages and, after them, the close frame. */
  readonly #messages: Outbox | DeflateQueue
  readonly #answers: Answers

  readonly #closing: ClosingHandshake
  /** Runs for `closeTimeout` from the moment closing begins. */
  #deadline: NodeJS.Timeout | undefined

  /**
   * Takes over the Duplex. Call `start` in the same turn to begin reading.
   *
   * @param compression what the handshake negotiated, or null
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
    this.#answers = new Answers(this.#outbox, options.highWaterMark)
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

  /** Whether both close frames have been exchanged, or no more will be. */
  get isEnding (): boolean {
    return this.#closing.isEnding
  }

  /** Whether reading has stopped. Silence then says nothing about the peer. */
  get isPaused (): boolean {
    return this.#reader.isPaused
  }

  get bufferedAmount (): number {
    return this.#outbox.bufferedAmount
  }

  get bytesOut (): number {
    return this.#outbox.bytesWritten
  }

  /** Begins to read, starting with the bytes already read from the Duplex. */
  start (head: Buffer): void {
    if (head.length > 0) this.transportRead(head, head.length)
    this.#reader.start()
  }

  /** @returns false when `BaseSocket.send` does */
  sendText (text: string): boolean {
    // A UTF-16 unit takes at most three bytes, so most messages are known to fit without an exact count.
    if (!this.#fits(text.length * 3) && !this.#maySend(Buffer.byteLength(text))) return false
    this.messagesOut++
    this.#messages.text(text)
    return this.#outbox.bufferedAmount <= this.options.highWaterMark
  }

  /** @returns false when `BaseSocket.send` does */
  sendBinary (data: Uint8Array): boolean {
    if (!this.#maySend(data.length)) return false
    this.messagesOut++
    this.#messages.frame(BINARY, data)
    return this.#outbox.bufferedAmount <= this.options.highWaterMark
  }

  /**
   * @param isPaced whether the sender waits while more than `highWaterMark` does, so that `maxBuffered` need not stop it
   * @returns false when `BaseSocket.send` does
   */
  sendForm (form: MessageForm, isPaced = false): boolean {
    if (isPaced ? !this.#closing.maySend : !this.#maySend(form.byteLength)) return false
    this.messagesOut++
    this.#messages.form(form)
    return this.#outbox.bufferedAmount <= this.options.highWaterMark
  }

  /**
   * Writes the frames of messages that other connections send as well, already joined, if that needs no waiting.
   *
   * @returns whether it did; if not, send each by itself
   */
  sendJoined (frames: Buffer, count: number): boolean {
    if (!this.#closing.maySend || !this.#messages.writeNow(frames)) return false
    this.messagesOut += count
    return true
  }

  /** What compresses messages for this connection and others; null: nothing is compressed; undefined: it has its own. */
  get sharedDeflation (): Deflation | null | undefined {
    return this.#messages instanceof DeflateQueue ? this.#messages.sharedDeflation : null
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

  /** Begins the closing handshake, unless it has begun. Delivers no more messages. */
  close (code: number, reason: string): void {
    this.#advance('close', code, reason)
  }

  /** Like `close`, but not for the consumer's reasons: still delivers what the peer sends before its close frame. */
  closeGently (code: number, reason: string): void {
    this.#advance('closeGently', code, reason)
  }

  /** For a close that a fault of the peer has caused: `terminate` waits until our close frame has been written. */
  insistOnClose (): void {
    this.#advance('insist')
  }

  /** Cuts the connection: at once, or after our close frame has been written if the peer is owed it. */
  terminate (): void {
    this.#advance(this.#closing.owesFrame ? 'cutWhenTold' : 'cut')
  }

  /** Cuts the connection at once. */
  cut (): void {
    this.#advance('cut')
  }

  onText (text: string, byteLength: number): void {
    if (!this.#closing.mayDeliver) return
    if (byteLength === 0 && this.options.textPings) {
      if (this.#closing.maySend) this.#answers.textPing()
      return
    }
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
    this.#answers.ping(payload)
    this.#owner.onPing(payload)
  }

  onDrain (): void {
    if (this.#closing.maySend) this.#answers.drained()
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

  /** Counts silence from now: what the peer sent in the meantime has yet to be read. */
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

  /** All violations end up here: tells the peer which rule it broke. */
  onViolation (error: ProtocolError): void {
    this.#fail(error.closeCode, error.message, error)
  }

  /** Something failed on our side. The peer is not told what. */
  onFailure (error: Error): void {
    this.#fail(CloseCode.INTERNAL_ERROR, 'internal error', error)
  }

  /** Fails the connection (RFC 6455 §7.1.7), then tells the owner. */
  #fail (code: number, reason: string, error: Error): void {
    this.#advance('fail', code, reason)
    this.#owner.onError(error)
  }

  /** Passes an event to the closing handshake and does what that asks for. Nothing else ends a connection. */
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
