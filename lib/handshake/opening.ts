import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { Duplex } from 'node:stream'
import { cutTransport, ownTransport, type TransportOwner } from '../connection/transport.ts'
import type { HandshakeHeaders } from '../protocol/handshake.ts'
import { AnswerDeadline, type DeadlineOwner } from './answer-deadline.ts'
import { canCarry, type Headers, takeHeaders } from './answer-headers.ts'
import { EarlyBytes } from './early-bytes.ts'
import { refuseLate } from './late-refusal.ts'
import { OpeningState } from './opening-state.ts'

/** How long, in milliseconds, a client may take to leave after a refusal. */
const LINGER = 5000

const kOpening = Symbol('fastify-sockets.opening')

type Response = (ServerResponse | Http2ServerResponse) & { [kOpening]?: Opening }

/** Who is told of a handshake: its route. */
export interface OpeningOwner {
  /** Milliseconds that the answer may take. */
  readonly timeout: number
  /** It has taken longer; the opening answers by itself. Must not throw. */
  onTimeout (): void
  /** Code of the user has thrown at that. Must not throw. */
  onError (error: unknown): void
  /** It has ended without a connection; the status is null if the client left before there was one. */
  onRefused (status: number | null): void
}

/** The answer that opens the connection. */
interface Acceptance {
  headers: Headers
  onOpen (early: Buffer): void
}

/**
 * An opening handshake under way, from the request to the answer that opens the connection, or the refusal.
 *
 * Who calls what, in this order:
 *
 * | method | called by | when |
 * |---|---|---|
 * | `ask`, then `decide` | `SharedServer`; our first onRequest hook | others listen as well, and may want the request |
 * | `begin` | `SharedServer`, or `decide` | it is ours: what happens on the transport comes here |
 * | `setOwner` | our first onRequest hook | it has a WebSocket route |
 * | `wait` | `SharedServer` | `app.routing` has returned, and there is no answer yet |
 * | `accept` | the route's handler | all hooks have passed: the answer that follows opens the connection |
 * | `refuse` | the route's first onError hook | that answer could not be made |
 * | `takeHeaders` | a subclass | the head of that answer is written |
 * | `written` | a subclass | an answer, whichever it is, has been written |
 *
 * The client may leave and the time may be up at any point of it. Where each of these leads is in `opening-state.ts`.
 */
export abstract class Opening extends OpeningState implements TransportOwner, DeadlineOwner {
  readonly transport: Duplex
  /** Of the answer that opens the connection. */
  abstract readonly status: number
  /** Whether a route that is not for WebSockets may serve the request as any other (RFC 9110 §7.8). */
  abstract readonly mayBeHttp: boolean
  /** What Fastify answers on. */
  abstract readonly response: ServerResponse | Http2ServerResponse

  /** Null as long as no route is known that it is for. */
  #owner: OpeningOwner | null = null
  readonly #onDone: (opening: Opening) => void
  #onDecided: (() => void) | null = null
  /** Not kept once it is written: HTTP/2 keeps the response, and with it the opening, as long as the connection. */
  #acceptance: Acceptance | null = null
  readonly #early: EarlyBytes
  /** Of the answer, if it is waited for. */
  #deadline: AnswerDeadline | null = null
  /** Runs after a refusal, until the client has left. */
  #lingering: NodeJS.Timeout | undefined

  /**
   * @param head what has been read behind the request
   * @param onDone called once, when the handshake is accepted, refused or abandoned
   */
  constructor (transport: Duplex, head: Buffer, onDone: (opening: Opening) => void) {
    super()
    this.transport = transport
    this.#onDone = onDone
    this.#early = new EarlyBytes(head)
  }

  /** The handshake that a response belongs to; undefined for ordinary responses. */
  static of (response: unknown): Opening | undefined {
    return (response as Response)[kOpening]
  }

  /*
   * What HTTP/1.1 and HTTP/2 do in their own ways.
   */

  /**
   * Headers of the answer that opens the connection, before what has been agreed on.
   *
   * @param headers those of the request
   */
  abstract acceptance (headers: HandshakeHeaders): Headers

  /** Whether nothing is left to be written. */
  abstract get isWritten (): boolean

  /** Has the response answer on the transport. False if it cannot, and the transport has been cut. */
  protected abstract attach (): boolean

  /**
   * It is for another listener: request and response are as they came.
   *
   * @param isFinal false if Fastify may yet go on with them, in which case it is stopped
   */
  abstract restore (isFinal: boolean): void

  /** The transport leaves HTTP: it becomes that of a connection. */
  protected abstract handOver (): void

  /** A refusal has been written: ends what HTTP has not ended. */
  protected abstract endRefused (): void

  /** The client has left before there was an answer: hooks that wait for it learn of it. */
  protected abstract abortRequest (): void

  /** What hooks write from now on is not sent, and not an error. */
  protected abstract mute (): void

  /** Whether HTTP can carry a header. */
  carries (name: string, value: unknown): boolean {
    return canCarry(name, value)
  }

  /** From now on a response is that of this handshake. */
  protected bind (response: Response): void {
    response[kOpening] = this
  }

  /** It is no longer. */
  protected unbind (response: Response): void {
    delete response[kOpening]
  }

  /** Whether it is known which route it is for. */
  protected get hasOwner (): boolean {
    return this.#owner !== null
  }

  /** What is no refusal may be a stream that goes on. */
  get isAnswered (): boolean {
    return this.mayBeHttp ? this.response.writableEnded : this.response.headersSent
  }

  /**
   * Another listener may want the request: `decide` is to be called, once Fastify's router has found its route.
   *
   * @param onDecided called when that has been
   */
  ask (onDecided: () => void): void {
    if (this.go('ask')) this.#onDecided = onDecided
  }

  /**
   * Whose it is; only the first answer counts.
   *
   * @param isOurs whether a WebSocket route is there for it
   */
  decide (isOurs: boolean): void {
    if (!this.isAsked) return
    // A client may have left by the time that a constraint has its answer.
    if (!isOurs || this.transport.destroyed) this.go('disown')
    else this.begin()
    this.#onDecided!()
  }

  /** Fastify answers before its first hook: there is no route, or none is looked for because it is closing. */
  protected answeredUnasked (status: number): void {
    this.decide(status === 503)
  }

  /**
   * It goes through Fastify: takes over whatever happens on the transport meanwhile.
   *
   * @returns false if that is not possible, and the transport has been cut
   */
  begin (): boolean {
    this.go('begin')
    if (!this.attach()) {
      this.go('disown')
      return false
    }
    ownTransport(this.transport, this)
    return true
  }

  setOwner (owner: OpeningOwner): void {
    this.#owner = owner
    if (this.isAbandoned) owner.onRefused(null)
    else this.#deadline?.limit(owner.timeout)
  }

  /** The response takes its time: holds early bytes meanwhile, and notices a client that leaves. */
  wait (): void {
    this.#deadline = new AnswerDeadline(this)
    if (this.#owner !== null) this.#deadline.limit(this.#owner.timeout)
    this.transport.resume()
  }

  /**
   * Lets the answer that follows open the connection.
   *
   * @param headers those of the handshake; they win over all others
   * @param onOpen called when it has been written, with the bytes that came after the request
   */
  accept (headers: Headers, onOpen: (early: Buffer) => void): void {
    if (this.go('accept')) this.#acceptance = { headers, onOpen }
  }

  /** Takes `accept` back: what follows is a refusal after all. False if it is too late, or there was nothing to take back. */
  refuse (): boolean {
    return !this.response.writableEnded && this.go('refuse')
  }

  /**
   * All headers of the answer that opens the connection, those of hooks among them. The response is left with none.
   *
   * @param last of the arguments of `writeHead`: a reason, or headers, of which a list is not taken
   */
  protected takeHeaders (last: unknown): Headers {
    return takeHeaders(this.response, this.#acceptance!.headers, last)
  }

  /** Answers in place of hooks that do not, and without them. */
  onDeadline (): void {
    this.go('expire')
    const owner = this.#owner!
    owner.onTimeout()
    const isRefused = this.#refuseLate(owner)
    // To throw could be to throw into a timer of a hook.
    if (this.response.headersSent) this.mute()
    if (!isRefused) return cutTransport(this.transport)
    try {
      // By which request.signal tells the hook; to destroy the request would reset the connection.
      this.response.req.emit('close')
    } catch (error) {
      owner.onError(error)
    }
  }

  /** @returns false if half an answer is there, or none can be made */
  #refuseLate (owner: OpeningOwner): boolean {
    if (this.response.headersSent) return false
    try {
      refuseLate(this.response as ServerResponse, owner.timeout)
      return true
    } catch (error) {
      // Others may have put their own `writeHead` on the response, or any other method.
      owner.onError(error)
      return false
    }
  }

  transportRead (bytes: Buffer, length: number): void {
    // After a refusal what still comes is read and ignored, so that no reset overtakes the response.
    if (this.isDone) return
    // RFC 6455 §4.1: a client waits for the answer. To stop reading would hide that it leaves.
    if (!this.#early.add(bytes, length)) cutTransport(this.transport)
  }

  transportEnded (): void {
    this.#abandon()
  }

  transportFailed (): void {}

  transportClosed (): void {
    clearTimeout(this.#lingering)
    this.#abandon()
  }

  #abandon (): void {
    if (!this.go('abandon')) return
    this.abortRequest()
    this.#settle()
    this.#owner?.onRefused(null)
  }

  /** The response has been written. */
  protected written (): void {
    if (!this.go('written')) return
    const early = this.#settle()
    if (this.isAccepted) {
      const { onOpen } = this.#acceptance!
      this.#acceptance = null
      this.handOver()
      onOpen(early)
    } else {
      this.#owner?.onRefused(this.response.statusCode)
      this.#linger()
    }
  }

  /** Reads on, to see the client leave. */
  #linger (): void {
    this.#lingering = setTimeout(() => cutTransport(this.transport), LINGER)
    this.endRefused()
    this.transport.resume()
  }

  /** @returns what the client has sent so far */
  #settle (): Buffer {
    this.#deadline?.stop()
    this.#onDone(this)
    return this.#early.take()
  }
}
