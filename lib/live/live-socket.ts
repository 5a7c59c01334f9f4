import type { Duplex } from 'node:stream'
import type { ErrorMessage, MessageInMessage, MessageOutMessage } from '../../types/diagnostics.ts'
import type { Socket } from '../../types/socket.ts'
import type { KeepaliveOwner } from '../connection/keepalive.ts'
import type { MessageForm } from '../connection/message-form.ts'
import { CloseCode } from '../contract/close-code.ts'
import { FST_ERR_WS_NO_PONG } from '../errors.ts'
import type { SocketAgreement, SocketBehaviour } from '../socket/behaviour.ts'
import { PublicSocket } from '../socket/public-socket.ts'
import { SocketCore } from '../socket/socket.ts'
import { failures, messagesIn, messagesOut } from './channels.ts'

/** The request of a handshake. */
export type Request = Socket['request']

/** How the sockets of one route behave. */
export interface LiveBehaviour extends SocketBehaviour {
  /** Says goodbye before the server closes. Must not reject. */
  onDrain (socket: LiveSocket): Promise<void>
}

/** The socket that a route's handler gets. */
class PublicLiveSocket extends PublicSocket implements Socket<any, any> {
  readonly #inside: LiveSocket

  constructor (inside: LiveSocket) {
    super(inside)
    this.#inside = inside
  }

  get request (): Request {
    return this.#inside.request
  }

  get remoteAddress (): string {
    return this.#inside.remoteAddress
  }
}

/** The inside of a route's socket: it knows the request of its handshake, and the behaviour of its route. */
export class LiveSocket extends SocketCore implements KeepaliveOwner {
  declare readonly public: PublicLiveSocket
  readonly request: Request
  readonly remoteAddress: string
  readonly openedAt = performance.now()
  declare readonly behaviour: LiveBehaviour

  constructor (request: Request, duplex: Duplex, agreed: SocketAgreement, behaviour: LiveBehaviour) {
    super(duplex, agreed, behaviour)
    this.request = request
    // Read now: a closed transport no longer has an address.
    this.remoteAddress = request.socket.remoteAddress ?? ''
  }

  protected override expose (): PublicLiveSocket {
    return new PublicLiveSocket(this)
  }

  override describe (): object {
    const { id, route, state, bufferedAmount } = this
    return { id, route, state, bufferedAmount }
  }

  /** The URL of its route, such as `/rooms/:room`. */
  get route (): string {
    return this.request.routeOptions.url!
  }

  override onText (text: string, byteLength: number): void {
    if (messagesIn.hasSubscribers) this.#publishIn(text, byteLength)
    super.onText(text, byteLength)
  }

  override onBinary (data: Buffer): void {
    if (messagesIn.hasSubscribers) this.#publishIn(data, data.length)
    super.onBinary(data)
  }

  override transmit (data: string | Uint8Array): boolean {
    const accepted = super.transmit(data)
    if (messagesOut.hasSubscribers) messagesOut.publish({ socket: this.public, data, accepted } satisfies MessageOutMessage)
    return accepted
  }

  override transmitForm (form: MessageForm): boolean {
    const accepted = super.transmitForm(form)
    if (messagesOut.hasSubscribers) messagesOut.publish({ socket: this.public, data: form.data, accepted } satisfies MessageOutMessage)
    return accepted
  }

  override onError (error: Error): void {
    this.publishError(error)
    super.onError(error)
  }

  onSilence (timeout: number): void {
    // Cut first: otherwise a listener that calls `close()` would change the close code.
    this.connection.cut()
    this.onError(new FST_ERR_WS_NO_PONG(timeout))
  }

  onIdle (): void {
    this.closeGently(CloseCode.GOING_AWAY, 'idle for too long')
  }

  onLifetimeOver (): void {
    this.closeGently(CloseCode.GOING_AWAY, 'open for long enough: connect again')
  }

  publishError (error: unknown): void {
    if (failures.hasSubscribers) failures.publish({ socket: this.public, error } satisfies ErrorMessage)
  }

  #publishIn (data: string | Buffer, byteLength: number): void {
    messagesIn.publish({ socket: this.public, data, byteLength } satisfies MessageInMessage)
  }
}
