import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { Connection } from '../connection/connection.ts'
import type { ConnectionOwner } from '../connection/owner.ts'
import type { MessageForm } from '../connection/message-form.ts'
import { CloseCode, isCloseCode } from '../contract/close-code.ts'
import type { CloseInfo, SocketState } from '../contract/socket.ts'
import {
  FST_ERR_WS_NOT_OPEN, FST_ERR_WS_OVER_RATE, FST_ERR_WS_SLOW_PEER,
  FST_ERR_WS_UNSUBSCRIBED
} from '../errors.ts'
import type { SocketAgreement, Recipient, SocketBehaviour } from './behaviour.ts'
import { checkClose } from './check-close.ts'
import { dataOf } from './data.ts'
import { Inbox, type InboxOwner, REFUSED } from './inbox.ts'
import { isAbortBy, Outcome } from './outcome.ts'
import { handled, Pings } from './pings.ts'
import { PreparedMessage } from './prepared-message.ts'
import { PublicSocket, type SocketInside } from './public-socket.ts'
import { UserCode } from './user-code.ts'

interface Waiting {
  resolve (): void
  reject (error: Error): void
}

/** The inside of a socket: a connection, its messages as values, and the listeners or the iterator that take them. */
export class SocketCore extends UserCode implements SocketInside, Recipient, ConnectionOwner, InboxOwner {
  readonly public: PublicSocket
  readonly connection: Connection
  readonly behaviour: SocketBehaviour
  readonly protocol: string
  readonly extensions: string
  dropped = 0
  validationError: Error | null = null
  /** The last fault of the peer or its transport. */
  failure: Error | null = null
  /** Whether `close()` still delivers what the peer sends before it learns of the close. */
  closesGently = false

  readonly #inbox: Inbox

  #id: string | null = null
  #pings: Pings | null = null
  #draining: Waiting[] | null = null
  #outcome: Outcome | null = null

  constructor (duplex: Duplex, agreed: SocketAgreement, behaviour: SocketBehaviour) {
    super()
    this.public = this.expose()
    this.behaviour = behaviour
    this.protocol = agreed.protocol
    this.extensions = agreed.extensions
    this.#inbox = new Inbox(this, behaviour.maxQueued)
    this.connection = new Connection(behaviour.role, duplex, this, behaviour, agreed.compression)
  }

  /** Makes the socket that users hold. */
  protected expose (): PublicSocket {
    return new PublicSocket(this)
  }

  get id (): string {
    return this.#id ??= randomUUID()
  }

  get state (): SocketState {
    return this.connection.state
  }

  get bufferedAmount (): number {
    return this.connection.bufferedAmount
  }

  send (message: unknown): boolean {
    if (!this.connection.isOpen) return false
    const forms = PreparedMessage.formsOf(message)
    if (forms === null) return this.transmit(dataOf(this.behaviour.codec.encode, message, this.extensions !== ''))
    const { encode } = this.behaviour.codec
    return this.transmitForm(forms.get(encode) ?? forms.keep(dataOf(encode, forms.value, false)))
  }

  /** Sends what `send` has made from a message. */
  transmit (data: string | Uint8Array): boolean {
    return typeof data === 'string' ? this.connection.sendText(data) : this.connection.sendBinary(data)
  }

  /** The same for a message that other sockets send as well. */
  transmitForm (form: MessageForm, isPaced = false): boolean {
    return this.connection.sendForm(form, isPaced)
  }

  drained (): Promise<void> {
    if (!this.connection.isOpen) return handled(Promise.reject(new FST_ERR_WS_NOT_OPEN('drained()')))
    if (this.bufferedAmount <= this.behaviour.highWaterMark) return Promise.resolve()
    return handled(new Promise((resolve, reject) => { (this.#draining ??= []).push({ resolve, reject }) }))
  }

  ping (): Promise<number> {
    if (!this.connection.isOpen) return handled(Promise.reject(new FST_ERR_WS_NOT_OPEN('ping()')))
    const { payload, roundTrip } = (this.#pings ??= new Pings()).create()
    this.connection.sendPing(payload)
    return roundTrip
  }

  close (code: number = CloseCode.NORMAL, reason = ''): Promise<CloseInfo> {
    checkClose(code, reason)
    this.#close(code, reason)
    return this.closed
  }

  get closed (): Promise<CloseInfo> {
    return (this.#outcome ??= new Outcome(this.closeInfo)).closed
  }

  get signal (): AbortSignal {
    return (this.#outcome ??= new Outcome(this.closeInfo)).signal
  }

  terminate (): void {
    if (!this.connection.isEnding) this.#inbox.discard()
    this.connection.terminate()
  }

  /** Closes for a reason of ours. The handler still gets what the peer sends before it learns of the close. */
  closeGently (code: number, reason: string): void {
    this.beforeClose()
    this.connection.closeGently(code, reason)
  }

  /** We are about to close: sends what is still to go before the close frame. */
  protected beforeClose (): void {}

  /** Cuts the connection and discards the messages that wait. */
  abandon (): void {
    this.#inbox.discard()
    this.connection.cut()
  }

  iterate (): AsyncIterator<any, undefined> {
    return this.#inbox.iterate()
  }

  describe (): object {
    const { id, state, bufferedAmount } = this
    return { id, state, bufferedAmount }
  }

  /** Whether user code is running, or still has messages to take. */
  get isBusy (): boolean {
    return this.isRunning || this.#inbox.isBusy
  }

  failed (error: unknown): void {
    // If a peer leaves while the handler waits for it, that is no failure of the handler; nor is it to unsubscribe meanwhile.
    if (!isA(FST_ERR_WS_NOT_OPEN, error) && !isA(FST_ERR_WS_UNSUBSCRIBED, error) && !isAbortBy(this.closeInfo, error)) this.behaviour.onError(error, this)
  }

  onText (text: string, byteLength: number): void {
    this.#inbox.put(text, byteLength)
  }

  onBinary (data: Buffer): void {
    this.#inbox.put(data, data.length)
  }

  decodeMessage (data: string | Buffer): unknown {
    const { decode } = this.behaviour.codec
    if (decode === null) return data
    try {
      return decode(data, this)
    } catch (error) {
      if (isRefusal(error)) this.behaviour.onInvalidMessage(error, this)
      else this.failed(error)
      return REFUSED
    }
  }

  onPing (payload: Buffer): void {
    this.emit(this.listeners.ping, payload)
  }

  onPong (payload: Buffer): void {
    this.#pings?.settle(payload)
    this.emit(this.listeners.pong, payload)
  }

  onDrain (): void {
    const draining = this.#draining
    this.#draining = null
    if (draining !== null) for (const { resolve } of draining) resolve()
    this.emit(this.listeners.drain)
  }

  onError (error: Error): void {
    this.failure = error
    this.emit(this.listeners.error, error)
  }

  onOverflow (): void {
    this.dropped++
    if (this.behaviour.overflow === 'drop') return
    const error = new FST_ERR_WS_SLOW_PEER(this.behaviour.maxBuffered)
    this.closeFor(error, 'the peer reads too slowly')
  }

  /** Closes for a fault of the peer that is not one of the protocol. */
  protected closeFor (error: Error & { closeCode: number }, reason: string): void {
    // Close first: a listener that sends again would end up here again.
    this.connection.closeGently(error.closeCode, reason)
    this.connection.insistOnClose()
    this.onError(error)
  }

  onOverRate (): void {
    this.closeForRate('limits.messagesPerSecond or limits.bytesPerSecond', 'too many messages or bytes a second')
  }

  /** The peer is over a rate. */
  closeForRate (limits: string, reason: string): void {
    const error = new FST_ERR_WS_OVER_RATE(limits)
    // What it sent within its rate is still delivered.
    this.connection.close(error.closeCode, reason)
    this.connection.insistOnClose()
    this.onError(error)
  }

  onClose (info: CloseInfo): void {
    this.closeInfo = info
    this.#inbox.end()
    this.#pings?.reject()
    const draining = this.#draining
    this.#draining = null
    if (draining !== null) for (const { reject } of draining) reject(new FST_ERR_WS_NOT_OPEN('drained()'))
    this.behaviour.onEnd(this, info)
    this.#outcome?.tell(info)
    this.emit(this.listeners.close, info)
  }

  pauseReading (): void {
    this.connection.pause()
  }

  resumeReading (): void {
    this.connection.resume()
  }

  emitMessage (message: unknown): void {
    this.emit(this.listeners.message, message)
  }

  onConsumed (): void {
    if (this.closeInfo !== null && !this.isBusy) this.onFinished?.()
  }

  protected override onRest (): void {
    this.onConsumed()
    // Messages that nobody takes would keep us from reading the peer's close frame. Until this turn is over, a listener may
    // still be added for what came with the handshake.
    if (this.#inbox.isKeeping) setImmediate(() => { if (!this.isRunning) this.#inbox.disclaim() })
  }

  protected override listen (): void {
    this.#inbox.listen()
  }

  protected override unlisten (): void {
    this.#inbox.unlisten()
    if (!this.isRunning) this.onRest()
  }

  loopLeft (): void {
    // An error thrown in the loop's body leaves it in the same way. Until the next turn it can reach the handler's end.
    setImmediate(() => this.#close(CloseCode.NORMAL, ''))
  }

  #close (code: number, reason: string): void {
    if (this.closesGently) {
      this.closeGently(code, reason)
      return
    }
    this.beforeClose()
    if (!this.connection.isEnding) this.#inbox.discard()
    this.connection.close(code, reason)
  }
}

/** `instanceof` that never throws, not even for a Proxy. */
function isA (constructor: Function, error: unknown): boolean {
  try {
    return error instanceof constructor
  } catch {
    return false
  }
}

function isRefusal (error: unknown): error is Error {
  try {
    return error instanceof Error && 'closeCode' in error && isCloseCode(error.closeCode as number)
  } catch {
    return false
  }
}
