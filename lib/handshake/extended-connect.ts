import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Stream } from 'node:http2'
import { cutTransport } from '../connection/transport.ts'
import { EMPTY } from '../protocol/empty.ts'
import { acceptKey, type HandshakeHeaders } from '../protocol/handshake.ts'
import { OF_THE_CONNECTION } from './answer-headers.ts'
import type { Http2Sessions } from './http2-sessions.ts'
import { Opening } from './opening.ts'

/** Events of the stream that Node's request and response listen to. */
const NODE_EVENTS = ['aborted', 'close', 'drain', 'end', 'error', 'timeout', 'trailers', 'wantTrailers']

const NOT_IN_HTTP2 = new RegExp(`^(?:${OF_THE_CONNECTION})$`, 'i')

/** Methods of the response that a handshake replaces. */
const METHODS = ['writeHead', 'write', 'end'] as const

/** The opening handshake of HTTP/2: an extended CONNECT, answered with 200 (RFC 8441 §5). */
export class ExtendedConnect extends Opening {
  readonly status = 200
  readonly mayBeHttp = false
  readonly response: Http2ServerResponse
  readonly #request: Http2ServerRequest
  readonly #stream: ServerHttp2Stream
  readonly #sessions: Http2Sessions
  /** Node's own listeners on the stream. */
  #nodeListeners: Array<[event: string, listeners: Function[]]>

  constructor (
    request: Http2ServerRequest, response: Http2ServerResponse, sessions: Http2Sessions, onDone: (opening: Opening) => void
  ) {
    super(request.stream, EMPTY, onDone)
    this.#request = request
    this.#stream = request.stream
    this.#sessions = sessions
    this.#nodeListeners = NODE_EVENTS.map(event => [event, request.stream.listeners(event)])
    // Node made this response; a second one on the same stream would answer too.
    this.response = response
    this.#replaceMethods()
    this.bind(response)
  }

  override ask (onDecided: () => void): void {
    super.ask(onDecided)
    // The route was declared for GET.
    this.#request.headers[':method'] = 'GET'
  }

  protected attach (): boolean {
    const request = this.#request
    request.headers[':method'] = 'GET'
    // The frames that follow are not a body: a hook that reads one must not get them.
    request.push(null)
    // A hook that destroys the request means to cut the connection, as in HTTP/1.1.
    request._destroy = (error, done) => {
      cutTransport(request.stream)
      done(error)
    }
    this.#stream.on('finish', this.#onFinish)
    this.#stream.on('aborted', this.#onAborted)
    return true
  }

  restore (isFinal: boolean): void {
    this.#request.headers[':method'] = 'CONNECT'
    for (const method of METHODS) delete (this.response as Partial<Http2ServerResponse>)[method]
    for (const name of this.response.getHeaderNames()) this.response.removeHeader(name)
    this.response.statusCode = 200
    if (isFinal) this.unbind(this.response)
  }

  /** Answers without going through Fastify. */
  answer (status: number): void {
    this.begin()
    this.response.statusCode = status
    this.response.end()
  }

  get isWritten (): boolean {
    return this.isAccepted && this.response.writableEnded
  }

  /** RFC 8441 §5 does without a key, but clients that send one, such as Node's, expect the answer to it. */
  acceptance (headers: HandshakeHeaders): Record<string, string> {
    const key = headers['sec-websocket-key'] as string | undefined
    return key === undefined ? {} : { 'Sec-WebSocket-Accept': acceptKey(key) }
  }

  /** The 200 is on its way, and the stream goes on after it. */
  answered (): void {
    Object.defineProperty(this.response, 'writableEnded', { value: true })
    process.nextTick(this.#onAnswered)
  }

  /** Node also ends the stream when the client leaves, and a hook may have ended it. */
  readonly #onFinish = (): void => {
    if (this.response.writableEnded && !this.isAccepted) this.#onAnswered()
  }

  /** Otherwise Node would count the response as answered with its current status, a 200. */
  readonly #onAborted = (): void => {
    if (!this.response.headersSent) this.response.removeAllListeners('finish')
  }

  readonly #onAnswered = (): void => {
    const stream = this.#stream
    // The client has left in the meantime; an event will say so.
    if (stream.closed) return
    stream.off('finish', this.#onFinish)
    stream.off('aborted', this.#onAborted)
    // Node would take the stream's end for the response's. But a refused client may linger, and a socket stays open.
    for (const [event, listeners] of this.#nodeListeners) for (const one of listeners) stream.off(event, one as () => void)
    this.#nodeListeners = []
    this.written()
    this.response.emit('finish')
  }

  protected handOver (): void {
    this.#stream.setTimeout(0)
    this.#sessions.hold(this.#stream)
  }

  /** The stream ends with the response. */
  protected endRefused (): void {}

  /** Once refused, a client may end its side. */
  override transportEnded (): void {
    if (this.isAccepted || !this.response.headersSent) super.transportEnded()
  }

  override carries (name: string, value: unknown): boolean {
    return !NOT_IN_HTTP2.test(name) && super.carries(name, value)
  }

  /** Node then tells the request, and through it onRequestAbort hooks and request.signal. */
  protected abortRequest (): void {
    cutTransport(this.#stream)
  }

  protected mute (): void {
    const { response } = this
    Object.assign(response, { writeHead: () => response, write: () => true })
  }

  /** Sets them on the response itself: others, such as Express, change its prototype. */
  #replaceMethods (): void {
    const { response } = this
    const { writeHead, write, end } = response as unknown as Record<string, (...args: any[]) => any>
    Object.assign(response, {
      writeHead: (status: number, ...rest: any[]) => this.#writeHead(writeHead!, status, rest),
      write: (...args: any[]) => this.#isMute || write!.apply(response, args),
      end: (...args: any[]) => this.#end(end!, args)
    })
  }

  #writeHead (writeHead: Function, status: number, rest: any[]): Http2ServerResponse {
    const { response } = this
    // Throwing here could end the process: the caller may be a timer of a hook.
    if (this.#stream.closed) return response
    this.answeredUnasked(status)
    if (this.isTheirs) return response
    if (status !== this.status) this.refuse()
    if (!this.isAccepted) return writeHead.call(response, this.#refusalStatus(status), ...rest)
    const headers = this.takeHeaders(rest.at(-1))
    for (const name of Object.keys(headers)) response.setHeader(name, headers[name]!)
    this.#stream.respond({ ...response.getHeaders(), ':status': status }, { sendDate: response.sendDate } as object)
    return response
  }

  #end (end: Function, args: any[]): Http2ServerResponse {
    const { response } = this
    if (this.#isPassedOn) return response
    if (!this.isAccepted) return end.apply(response, args)
    if (response.writableEnded) return response
    if (!response.headersSent) response.writeHead(response.statusCode)
    this.answered()
    return response
  }

  get #isPassedOn (): boolean {
    this.answeredUnasked(this.response.statusCode)
    return this.isTheirs
  }

  /** Only frames may follow an accepted handshake: an onSend hook cannot add a payload. */
  get #isMute (): boolean {
    return this.#isPassedOn || this.isAccepted
  }

  /** Any 2xx would open the connection (RFC 9110 §9.3.6), even one from a hook or a not-found handler. */
  #refusalStatus (status: number): number {
    if (status < 200 || status > 299) return status
    return this.hasOwner ? 403 : 404
  }
}
