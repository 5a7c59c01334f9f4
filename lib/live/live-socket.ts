import type { Duplex } from 'node:stream'
import type { ErrorMessage, MessageInMessage, MessageOutMessage } from '../../types/diagnostics.ts'
import type { Socket } from '../../types/socket.ts'
import type { Beginning } from '../../types/topics.ts'
import type { KeepaliveOwner } from '../connection/keepalive.ts'
import type { MessageForm } from '../connection/message-form.ts'
import { CloseCode } from '../contract/close-code.ts'
import type { CloseInfo } from '../contract/socket.ts'
import { FST_ERR_WS_NO_PONG } from '../errors.ts'
import type { SocketAgreement, SocketBehaviour } from '../socket/behaviour.ts'
import { PublicSocket } from '../socket/public-socket.ts'
import { SocketCore } from '../socket/socket.ts'
import { failures, messagesIn, messagesOut } from './channels.ts'

/** The request of a handshake. */
export type Request = Socket['request']

/** What a socket is subscribed to. */
export interface SocketTopics {
  readonly names: string[]
  /** @param args of `Subscriber.subscribe` */
  subscribe (args: unknown[]): Promise<Beginning>
  /** @param args of `Subscriber.unsubscribe` */
  unsubscribe (args: unknown[]): boolean
  /**
   * What leaves the socket out of a topic, also if it only subscribes when the message has been published.
   *
   * @param channel undefined: nobody is subscribed
   */
  nameIn (channel: object | undefined): string
  /** The socket is to publish something: null: now; a promise: when it resolves; false: it is too much. */
  mayPublish (): Promise<void> | null | false
  /** Gives the socket what was published to it, before anything that is sent to it now. */
  flush (): void
  /** No more than `highWaterMark` waits. */
  drained (): void
  /** The connection has ended. */
  end (): void
}

/** What topics need of a route. */
export interface TopicBehaviour {
  readonly maxSubscriptions: number
  /** Null: no limit. */
  readonly publishLimit: PublishLimit | null
  topicsOf (socket: LiveSocket): SocketTopics
}

/** How fast a socket may publish: see `LimitOptions`. */
export interface PublishLimit {
  readonly perSecond: number
  readonly over: 'close' | 'pause'
}

/** How the sockets of one route behave. */
export interface LiveBehaviour extends SocketBehaviour {
  topics: TopicBehaviour
  /** Says goodbye before the server closes. Must not reject. */
  onDrain (socket: LiveSocket): Promise<void>
}

/** The socket that a route's handler gets. */
export class PublicLiveSocket extends PublicSocket implements Socket<any, any> {
  readonly #inside: LiveSocket

  constructor (inside: LiveSocket) {
    super(inside)
    this.#inside = inside
  }

  /** The inside of a socket; null for anything else, which is not touched because it may be a Proxy. */
  static insideOf (value: unknown): LiveSocket | null {
    return typeof value === 'object' && value !== null && #inside in value ? value.#inside : null
  }

  get request (): Request {
    return this.#inside.request
  }

  get remoteAddress (): string {
    return this.#inside.remoteAddress
  }

  get subscriptions (): string[] {
    return this.#inside.subscriptions
  }

  subscribe (...args: unknown[]): Promise<Beginning> {
    return this.#inside.topics.subscribe(args)
  }

  unsubscribe (...args: unknown[]): boolean {
    return this.#inside.topics.unsubscribe(args)
  }
}

/** The inside of a route's socket: it knows the request of its handshake, and the behaviour of its route. */
export class LiveSocket extends SocketCore implements KeepaliveOwner {
  declare readonly public: PublicLiveSocket
  readonly request: Request
  readonly remoteAddress: string
  readonly openedAt = performance.now()
  declare readonly behaviour: LiveBehaviour
  /** Whose socket it is, as `identify` says; null: nobody's. */
  readonly user: string | null
  /** Null: it has never subscribed. */
  #topics: SocketTopics | null = null

  constructor (request: Request, duplex: Duplex, agreed: SocketAgreement, behaviour: LiveBehaviour, user: string | null) {
    super(duplex, agreed, behaviour)
    this.request = request
    this.user = user
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

  get topics (): SocketTopics {
    return this.#topics ??= this.behaviour.topics.topicsOf(this)
  }

  get subscriptions (): string[] {
    return this.#topics?.names ?? []
  }

  override transmit (data: string | Uint8Array): boolean {
    this.#topics?.flush()
    const accepted = super.transmit(data)
    if (messagesOut.hasSubscribers) messagesOut.publish({ socket: this.public, data, accepted } satisfies MessageOutMessage)
    return accepted
  }

  override transmitForm (form: MessageForm): boolean {
    this.#topics?.flush()
    return this.transmitPublished(form)
  }

  /** Sends a message of a topic. @param isPaced see `Connection.sendForm` */
  transmitPublished (form: MessageForm, isPaced = false): boolean {
    const accepted = super.transmitForm(form, isPaced)
    if (messagesOut.hasSubscribers) messagesOut.publish({ socket: this.public, data: form.data, accepted } satisfies MessageOutMessage)
    return accepted
  }

  override onError (error: Error): void {
    this.publishError(error)
    super.onError(error)
  }

  protected override beforeClose (): void {
    this.#topics?.flush()
  }

  override onDrain (): void {
    this.#topics?.drained()
    super.onDrain()
  }

  override onClose (info: CloseInfo): void {
    this.#topics?.end()
    super.onClose(info)
  }

  /** The peer has missed messages of a topic. @param reason for the close frame */
  onLagging (error: Error & { closeCode: number }, reason: string): void {
    this.#topics?.end()
    this.closeFor(error, reason)
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
