import type { Duplex } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import type { ErrorMessage, MessageInMessage, MessageOutMessage } from '../../types/diagnostics.ts'
import type { Socket } from '../../types/socket.ts'
import { Watch, type Watched } from '../connection/keepalive.ts'
import { CloseCode } from '../contract/close-code.ts'
import type { CloseInfo } from '../contract/socket.ts'
import { FST_ERR_WS_NO_PONG } from '../errors.ts'
import type { Handshake } from '../plugin/handshake.ts'
import type { Agreed } from '../socket/behaviour.ts'
import { SocketBase } from '../socket/socket.ts'
import type { RouteBehaviour } from './behaviour.ts'
import { failures, messagesIn, messagesOut } from './channels.ts'
import type { Seat } from './limits.ts'
import type { Tally } from './stats.ts'

/** The socket that a route's handler gets: it knows the request of its handshake, and how its route is served. */
export class RouteSocket extends SocketBase implements Socket<any, any>, Watched {
  readonly request: FastifyRequest
  readonly remoteAddress: string
  readonly openedAt = performance.now()
  declare readonly behaviour: RouteBehaviour
  readonly #seat: Seat | null
  readonly #watch: Watch | null

  constructor ({ request, seat }: Handshake, duplex: Duplex, agreed: Agreed, behaviour: RouteBehaviour) {
    super(duplex, agreed, behaviour)
    this.request = request
    // A closed transport has no address any more.
    this.remoteAddress = request.socket.remoteAddress ?? ''
    this.#seat = seat
    this.#seat?.handshakeEnded()
    this.#watch = behaviour.watch === null ? null : new Watch(behaviour.clock, this, behaviour.watch)
  }

  get tally (): Tally {
    return this.behaviour.tally
  }

  /** The connection has ended: nothing is kept for it any more. */
  release (): void {
    this.#watch?.stop()
    this.#seat?.leave()
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
    if (messagesOut.hasSubscribers) messagesOut.publish({ socket: this, data, accepted } satisfies MessageOutMessage)
    return accepted
  }

  override onError (error: Error): void {
    this.publishError(error)
    super.onError(error)
  }

  override onClose (info: CloseInfo): void {
    super.onClose(info)
    if (this.isBusy) this.behaviour.onUnfinished(this)
  }

  onSilence (timeout: number): void {
    // Cut first: a listener that closes would give the end another code.
    this.connection.cut()
    this.onError(new FST_ERR_WS_NO_PONG(timeout))
  }

  onIdle (): void {
    this.goAway(CloseCode.GOING_AWAY, 'idle for too long')
  }

  onLifetimeOver (): void {
    this.goAway(CloseCode.GOING_AWAY, 'open for long enough: connect again')
  }

  publishError (error: unknown): void {
    if (failures.hasSubscribers) failures.publish({ socket: this, error } satisfies ErrorMessage)
  }

  #publishIn (data: string | Buffer, byteLength: number): void {
    messagesIn.publish({ socket: this, data, byteLength } satisfies MessageInMessage)
  }
}
