import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { Duplex } from 'node:stream'
import { cutTransport, ownTransport, type TransportOwner } from '../connection/transport.ts'
import type { HandshakeHeaders } from '../protocol/handshake.ts'
import { canCarry, type Headers, takeHeaders } from './answer-headers.ts'
import { EarlyBytes } from './early-bytes.ts'
import { refuseLate } from './late-refusal.ts'

/** How long, in milliseconds, a client may take to leave after a refusal. */
const LINGER = 5000
/** How long, in milliseconds, a client may take for an answer that no route limits, at least; at most twice as long. */
const TAKE = 30_000

const kOpening = Symbol('fastify-sockets.opening')

type Response = (ServerResponse | Http2ServerResponse) & { [kOpening]?: Opening }

/** What a route knows of a handshake. */
export interface OpeningHost {
  /** Milliseconds that the answer may take. */
  readonly timeout: number
  /** It has taken longer; the opening answers by itself. Must not throw. */
  onTimeout (): void
  /** Code of the user has thrown at that. Must not throw. */
  onError (error: unknown): void
  /** It has ended without a connection; the status is null if the client left before there was one. */
  onRefused (status: number | null): void
}

/** An opening handshake under way, from the request to the answer that opens the connection, or the refusal. */
export abstract class Opening implements TransportOwner {
  readonly transport: Duplex
  /** Of the answer that opens the connection. */
  abstract readonly status: number
  /** Whether a route that is not for WebSockets may serve the request as any other (RFC 9110 §7.8). */
  abstract readonly mayBeHttp: boolean
  /** What Fastify answers on. */
  abstract readonly response: ServerResponse | Http2ServerResponse
  /** The client has left; there is nobody to answer. */
  gone = false
  /** Until it is known whose the request is, nothing is done to the connection. */
  whose: 'asked' | 'ours' | 'theirs' = 'ours'
  /** Null as long as no route is known that it is for. */
  host: OpeningHost | null = null

  readonly #onDone: (opening: Opening) => void
  #onDecided: (() => void) | null = null
  #isAccepted = false
  #headers: Headers = {}
  /** Not kept once it is called: HTTP/2 keeps the response, and with it the opening, as long as the connection. */
  #onOpen: ((early: Buffer) => void) | null = null
  /** Null when they are of no use any more. */
  #early: EarlyBytes | null
  #isWaiting = false
  #done = false
  /** The answer has taken too long. */
  #expired = false
  /** For the answer; after a refusal, for the client to leave. */
  #timer: NodeJS.Timeout | undefined

  /**
   * @param head what has been read behind the request
   * @param onDone called once, when the handshake is accepted, refused or abandoned
   */
  constructor (transport: Duplex, head: Buffer, onDone: (opening: Opening) => void) {
    this.transport = transport
    this.#onDone = onDone
    this.#early = new EarlyBytes(head)
  }

  /** The handshake that a response belongs to; undefined for ordinary responses. */
  static of (response: unknown): Opening | undefined {
    return (response as Response)[kOpening]
  }

  /**
   * Headers of the answer that opens the connection, before what has been agreed on.
   *
   * @param headers those of the request
   */
  abstract acceptance (headers: HandshakeHeaders): Headers

  /** Whether nothing is left to be written. */
  abstract get isWritten (): boolean

  /** Whether it has ended, in a connection or without. */
  get isDone (): boolean {
    return this.#done
  }

  /** The transport leaves HTTP. */
  protected abstract handOver (): void

  /** The refusal has been written: ends what HTTP has not ended. */
  protected abstract end (): void

  /** The client has left before there was an answer: hooks that wait for it learn of it. */
  protected abstract abandon (): void

  /** From now on a response is that of this handshake. */
  protected answerOn (response: Response): void {
    response[kOpening] = this
  }

  /** It is no longer. */
  protected giveBack (response: Response): void {
    delete response[kOpening]
  }

  /**
   * Another listener may want the request: `decide` is to be called, once Fastify's router has found its route.
   *
   * @param onDecided called when that has been
   */
  ask (onDecided: () => void): void {
    this.whose = 'asked'
    this.#onDecided = onDecided
  }

  /**
   * Whose it is; only the first answer counts.
   *
   * @param isOurs whether a WebSocket route is there for it
   */
  decide (isOurs: boolean): void {
    if (this.whose !== 'asked') return
    // A client may have left by the time that a constraint has its answer.
    this.whose = isOurs && !this.transport.destroyed && this.begin() ? 'ours' : 'theirs'
    this.#onDecided?.()
  }

  /** Fastify answers before its first hook: there is no route, or none is looked for because it is closing. */
  protected answeredUnasked (status: number): void {
    this.decide(status === 503)
  }

  /**
   * It is not ours: request and response are as they came.
   *
   * @param isFinal false if Fastify may yet go on with them, in which case it is stopped
   */
  abstract leave (isFinal: boolean): void

  /**
   * It goes through Fastify: takes over whatever happens on the transport meanwhile.
   *
   * @returns false if that is not possible, and the transport has been cut
   */
  begin (): boolean {
    ownTransport(this.transport, this)
    return true
  }

  /** The handshake has a route. */
  meet (host: OpeningHost): void {
    this.host = host
    if (this.gone) host.onRefused(null)
    else if (this.#isWaiting) this.#limit()
  }

  /** The response takes its time: holds early bytes meanwhile, and notices a client that leaves. */
  wait (): void {
    this.#isWaiting = true
    this.#limit()
    this.transport.on('timeout', cut)
    this.transport.resume()
  }

  #limit (): void {
    clearTimeout(this.#timer)
    const { host } = this
    if (host === null) this.#look(this.#isAnswered)
    else this.#timer = setTimeout(() => this.#expire(host), host.timeout)
  }

  /**
   * No route limits it: it is answered as any other request, and that may take its time. But a client that does not
   * take the answer would keep it for ever.
   *
   * @param wasAnswered whether there has been an answer since then
   */
  #look (wasAnswered: boolean): void {
    this.#timer = setTimeout(() => {
      if (wasAnswered) cutTransport(this.transport)
      else this.#look(this.#isAnswered)
    }, TAKE)
  }

  /** What is no refusal may be a stream that goes on. */
  get #isAnswered (): boolean {
    return this.mayBeHttp ? this.response.writableEnded : this.response.headersSent
  }

  /** Answers in place of hooks that do not, and without them. */
  #expire (host: OpeningHost): void {
    this.#expired = true
    host.onTimeout()
    if (this.response.headersSent) return cutTransport(this.transport)
    try {
      refuseLate(this.response as ServerResponse, host.timeout)
    } catch (error) {
      // Others may have put their own `writeHead` on the response, or any other method.
      host.onError(error)
      cutTransport(this.transport)
      return
    }
    try {
      // By which request.signal tells the hook; to destroy the request would reset the connection.
      this.response.req.emit('close')
    } catch (error) {
      host.onError(error)
    }
  }

  /**
   * Lets the answer that follows open the connection.
   *
   * @param headers those of the handshake; they win over all others
   * @param onOpen called when it has been written, with the bytes that came after the request
   */
  accept (headers: Headers, onOpen: (early: Buffer) => void): void {
    this.#isAccepted = true
    this.#headers = headers
    this.#onOpen = onOpen
  }

  /** Takes `accept` back: what follows is a refusal after all. False if it is too late, or there was nothing to take back. */
  refuse (): boolean {
    if (!this.isAccepted || this.response.writableEnded) return false
    this.#isAccepted = false
    return true
  }

  get isAccepted (): boolean {
    return this.#isAccepted
  }

  /** Whether what is written now would be behind the answer that came in place of it. */
  get isTooLate (): boolean {
    return this.#expired && this.response.headersSent
  }

  /** Whether HTTP can carry a header. */
  carries (name: string, value: unknown): boolean {
    return canCarry(name, value)
  }

  /**
   * All headers of the answer that opens the connection, those of hooks among them. The response is left with none.
   *
   * @param last of the arguments of `writeHead`: a reason, or headers, of which a list is not taken
   */
  takeHeaders (last: unknown): Headers {
    return takeHeaders(this.response, this.#headers, last)
  }

  transportRead (bytes: Buffer, length: number): void {
    // After a refusal what still comes is read and ignored, so that no reset overtakes the response.
    if (this.#done) return
    // RFC 6455 §4.1: a client waits for the answer. To stop reading would hide that it leaves.
    if (!this.#early!.add(bytes, length)) cutTransport(this.transport)
  }

  transportEnded (): void {
    this.#left()
  }

  transportFailed (): void {}

  transportClosed (): void {
    clearTimeout(this.#timer)
    this.#left()
  }

  #left (): void {
    if (this.#done) return
    this.gone = true
    this.abandon()
    this.#settle(false)
  }

  /** The response has been written. */
  protected written (): void {
    if (this.gone) return
    this.#settle(this.#isAccepted)
    if (!this.#isAccepted) {
      this.#leave()
      return
    }
    const onOpen = this.#onOpen!
    this.#onOpen = null
    this.handOver()
    onOpen(this.#early!.taken)
    this.#early = null
  }

  /** Reads on, to see the client leave. */
  #leave (): void {
    this.#timer = setTimeout(() => cutTransport(this.transport), LINGER)
    this.end()
    this.transport.resume()
  }

  #settle (accepted: boolean): void {
    this.#done = true
    clearTimeout(this.#timer)
    this.transport.off('timeout', cut)
    this.#onDone(this)
    if (accepted) return
    this.#early = null
    this.host?.onRefused(this.gone ? null : this.response.statusCode)
  }
}

function cut (this: Duplex): void {
  cutTransport(this)
}
