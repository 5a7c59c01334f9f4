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

/** Milliseconds that a client has to leave after a refusal. */
const LINGER = 5000

const kOpening = Symbol('fastify-sockets.opening')

type Response = (ServerResponse | Http2ServerResponse) & { [kOpening]?: Opening }

/** The route of a handshake, which is told what becomes of it. */
export interface OpeningOwner {
  /** Milliseconds that the answer may take. */
  readonly timeout: number
  /** The answer took longer; the opening then answers by itself. Must not throw. */
  onTimeout (): void
  /** The user's code threw while the opening answered by itself. Must not throw. */
  onError (error: unknown): void
  /** The handshake ended without a connection; the status is null if the client left before it was answered. */
  onRefused (status: number | null): void
}

/** The answer that opens the connection. */
interface Acceptance {
  headers: Headers
  onOpen (early: Buffer): void
}

/**
 * An opening handshake under way, from the request to the answer that opens the connection or refuses it.
 *
 * Who calls what, in this order:
 *
 * | method | called by | when |
 * |---|---|---|
 * | `ask`, then `decide` | `SharedServer`; our first onRequest hook | others listen too, and the request may be theirs |
 * | `begin` | `SharedServer`, or `decide` | the request is ours: the opening now owns the transport |
 * | `setOwner` | our first onRequest hook | the request has a WebSocket route |
 * | `wait` | `SharedServer` | `app.routing` has returned without an answer |
 * | `accept` | the route's handler | all hooks have passed: the answer that follows opens the connection |
 * | `refuse` | the route's first onError hook | that answer could not be made |
 * | `takeHeaders` | a subclass | the head of that answer is being written |
 * | `written` | a subclass | an answer, of either kind, has been written |
 *
 * At any point the client may leave, or the time may run out. `opening-state.ts` has a table of where each event leads.
 */
export abstract class Opening extends OpeningState implements TransportOwner, DeadlineOwner {
  readonly transport: Duplex
  /** The status of the answer that opens the connection. */
  abstract readonly status: number
  /** Whether an ordinary HTTP route may serve the request (RFC 9110 §7.8). */
  abstract readonly mayBeHttp: boolean
  /** The response that Fastify writes its answer to. */
  abstract readonly response: ServerResponse | Http2ServerResponse

  /** Null until its route is known. */
  #owner: OpeningOwner | null = null
  readonly #onDone: (opening: Opening) => void
  #onDecided: (() => void) | null = null
  /** Dropped once written: HTTP/2 keeps the response, and with it this opening, as long as the connection lives. */
  #acceptance: Acceptance | null = null
  readonly #early: EarlyBytes
  /** Runs if the answer is not made at once. */
  #deadline: AnswerDeadline | null = null
  /** Runs after a refusal, until the client has left. */
  #lingering: NodeJS.Timeout | undefined

  /**
   * @param head what Node has read beyond the request
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
   * What differs between HTTP/1.1 and HTTP/2.
   */

  /**
   * The headers of the answer that opens the connection, without the subprotocol and extensions.
   *
   * @param headers of the request
   */
  abstract acceptance (headers: HandshakeHeaders): Headers

  /** Whether nothing is left to be written. */
  abstract get isWritten (): boolean

  /** Attaches the response to the transport. Returns false if it cannot; then the transport has been cut. */
  protected abstract attach (): boolean

  /**
   * The request is for another listener: puts request and response back as they came.
   *
   * @param isFinal false if Fastify may still go on with the request: the response then stays bound, so that our hook stops it
   */
  abstract restore (isFinal: boolean): void

  /** The transport leaves HTTP and becomes that of a connection. */
  protected abstract handOver (): void

  /** A refusal has been written: ends what HTTP itself has not ended. */
  protected abstract endRefused (): void

  /** The client left before it was answered: tells the hooks that wait. */
  protected abstract abortRequest (): void

  /** From now on, what hooks write is discarded without an error. */
  protected abstract mute (): void

  /** Whether HTTP can carry this header. */
  carries (name: string, value: unknown): boolean {
    return canCarry(name, value)
  }

  /** Ties a response to this handshake, for `of`. */
  protected bind (response: Response): void {
    response[kOpening] = this
  }

  /** Undoes `bind`. */
  protected unbind (response: Response): void {
    delete response[kOpening]
  }

  /** Whether its route is known. */
  protected get hasOwner (): boolean {
    return this.#owner !== null
  }

  /** Over HTTP/1.1 an ordinary route may still be streaming its answer; so it only counts once it has ended. */
  get isAnswered (): boolean {
    return this.mayBeHttp ? this.response.writableEnded : this.response.headersSent
  }

  /**
   * The request may be for another listener: Fastify's router finds its route, and `decide` follows.
   *
   * @param onDecided called after `decide`
   */
  ask (onDecided: () => void): void {
    if (this.go('ask')) this.#onDecided = onDecided
  }

  /**
   * Says whose request it is; only the first call counts.
   *
   * @param isOurs whether it has a WebSocket route
   */
  decide (isOurs: boolean): void {
    if (!this.isAsked) return
    // A route's constraint may take its time, and the client may have left by then.
    if (!isOurs || this.transport.destroyed) this.go('disown')
    else this.begin()
    this.#onDecided!()
  }

  /** Fastify answers before its first hook: it has found no route, or does not look for one because it is closing. */
  protected answeredUnasked (status: number): void {
    this.decide(status === 503)
  }

  /**
   * The request goes through Fastify: the opening owns the transport meanwhile.
   *
   * @returns false if that is not possible; then the transport has been cut
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

  /** There is no answer yet: meanwhile keeps early bytes, and notices when the client leaves. */
  wait (): void {
    this.#deadline = new AnswerDeadline(this)
    if (this.#owner !== null) this.#deadline.limit(this.#owner.timeout)
    this.transport.resume()
  }

  /**
   * Makes the answer that follows open the connection.
   *
   * @param headers of the handshake; they win over all others
   * @param onOpen called when the answer has been written, with the bytes that came after the request
   */
  accept (headers: Headers, onOpen: (early: Buffer) => void): void {
    if (this.go('accept')) this.#acceptance = { headers, onOpen }
  }

  /** Takes `accept` back: a refusal follows after all. Returns false if it is too late, or nothing was accepted. */
  refuse (): boolean {
    return !this.response.writableEnded && this.go('refuse')
  }

  /**
   * Moves all headers of the answer that opens the connection out of the response, including those that hooks have set.
   *
   * @param last the last argument of `writeHead`: a reason, or headers; headers given as a list are ignored
   */
  protected takeHeaders (last: unknown): Headers {
    return takeHeaders(this.response, this.#acceptance!.headers, last)
  }

  /** Answers in place of hooks that have not answered. */
  onDeadline (): void {
    this.go('expire')
    const owner = this.#owner!
    owner.onTimeout()
    const isRefused = this.#refuseLate(owner)
    // An error thrown at a hook that writes later could end the process: the hook may be in a timer.
    if (this.response.headersSent) this.mute()
    if (!isRefused) return cutTransport(this.transport)
    try {
      // This aborts `request.signal`, which tells the hook. Destroying the request would reset the connection.
      this.response.req.emit('close')
    } catch (error) {
      owner.onError(error)
    }
  }

  /** @returns false if part of an answer has been sent already, or none can be made */
  #refuseLate (owner: OpeningOwner): boolean {
    if (this.response.headersSent) return false
    try {
      refuseLate(this.response as ServerResponse, owner.timeout)
      return true
    } catch (error) {
      // Others may have replaced `writeHead`, or any other method of the response.
      owner.onError(error)
      return false
    }
  }

  transportRead (bytes: Buffer, length: number): void {
    // After a refusal, whatever still comes is read and ignored, so that no reset overtakes the response.
    if (this.isDone) return
    // A client must wait for the answer (RFC 6455 §4.1). If we stopped reading, we would not notice that it leaves.
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

  /** Keeps reading, to see the client leave. */
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
