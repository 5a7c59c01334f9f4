import { type Http2ServerRequest, Http2ServerResponse, type ServerHttp2Stream } from 'node:http2'
import { cutTransport } from '../connection/transport.ts'
import { acceptKey, type HandshakeHeaders } from '../protocol/handshake.ts'
import { OF_THE_CONNECTION } from './answer-headers.ts'
import { Opening } from './opening.ts'
import type { Sessions } from './sessions.ts'

/** Events by which Node's request and response hear of their stream. */
const HEARD = ['aborted', 'close', 'drain', 'end', 'error', 'timeout', 'trailers', 'wantTrailers']

const NOT_IN_HTTP2 = new RegExp(`^(?:${OF_THE_CONNECTION})$`, 'i')

const NOTHING_READ = Buffer.alloc(0)

/** The opening handshake of HTTP/2: an extended CONNECT, answered with 200 (RFC 8441 §5). */
export class ExtendedConnect extends Opening {
  readonly status = 200
  readonly mayBeHttp = false
  readonly response: ConnectResponse
  readonly #stream: ServerHttp2Stream
  readonly #sessions: Sessions
  /** Node's own listeners on the stream. */
  #heard: Array<[event: string, listeners: Function[]]>

  constructor (
    request: Http2ServerRequest, response: Http2ServerResponse, sessions: Sessions, onDone: (opening: Opening) => void
  ) {
    super(request.stream, NOTHING_READ, onDone)
    this.#stream = request.stream
    this.#sessions = sessions
    this.#heard = HEARD.map(event => [event, request.stream.listeners(event)])
    // The frames that follow are no body: a hook that looks for one must not take them.
    request.push(null)
    // A hook that destroys the request means its connection, as it is in HTTP/1.1.
    request._destroy = (error, done) => {
      cutTransport(request.stream)
      done(error)
    }
    // As which the route was declared.
    request.headers[':method'] = 'GET'
    // Node has made it, and a second one on the same stream would answer as well.
    this.response = Object.setPrototypeOf(response, ConnectResponse.prototype)
    this.answerOn(this.response)
  }

  override begin (): void {
    super.begin()
    this.#stream.on('finish', this.#onFinish)
    this.#stream.on('aborted', this.#onAborted)
  }

  /** Answers without Fastify. */
  answer (status: number): void {
    this.begin()
    this.response.statusCode = status
    this.response.end()
  }

  get isWritten (): boolean {
    return this.isAccepted && this.response.writableEnded
  }

  /** RFC 8441 §5 has no use for a key; clients that send one, as that of Node does, look for the answer to it. */
  acceptance (headers: HandshakeHeaders): Record<string, string> {
    const key = headers['sec-websocket-key'] as string | undefined
    return key === undefined ? {} : { 'Sec-WebSocket-Accept': acceptKey(key) }
  }

  /** The 200 is on its way, and the stream does not end with it. */
  answered (): void {
    Object.defineProperty(this.response, 'writableEnded', { value: true })
    process.nextTick(this.#onAnswered)
  }

  /** Node ends the stream for a client that has left, too, and a hook may have done so. */
  readonly #onFinish = (): void => {
    if (this.response.writableEnded && !this.isAccepted) this.#onAnswered()
  }

  /** Node would take the response for answered, with the status that it has by then: a 200. */
  readonly #onAborted = (): void => {
    if (!this.response.headersSent) this.response.removeAllListeners('finish')
  }

  readonly #onAnswered = (): void => {
    const stream = this.#stream
    // The client has left meanwhile, which is about to be told.
    if (stream.closed) return
    stream.off('finish', this.#onFinish)
    stream.off('aborted', this.#onAborted)
    // Node would take the stream's end for that of the response: a refused client may take its time, a socket is open.
    for (const [event, listeners] of this.#heard) for (const one of listeners) stream.off(event, one as () => void)
    this.#heard = []
    this.written()
    this.response.emit('finish')
  }

  protected handOver (): void {
    this.#stream.setTimeout(0)
    this.#sessions.hold(this.#stream)
  }

  /** The stream's own end is that of the response. */
  protected end (): void {}

  /** A client that has been refused may end its side. */
  override transportEnded (): void {
    if (this.isAccepted || !this.response.headersSent) super.transportEnded()
  }

  override carries (name: string, value: unknown): boolean {
    return !NOT_IN_HTTP2.test(name) && super.carries(name, value)
  }

  /** Node tells the request of its end, and so onRequestAbort and request.signal. */
  protected abandon (): void {
    cutTransport(this.#stream)
  }
}

/** The methods of an `Http2ServerResponse` that has an opening handshake to answer; all state is with that. */
class ConnectResponse extends Http2ServerResponse {
  override writeHead (status: number, ...rest: any[]): this {
    const connect = connectOf(this)
    // To throw here could be to throw into a timer of a hook.
    if (connect.isTooLate || this.stream.closed) return this
    if (status !== connect.status) connect.refuse()
    if (!connect.isAccepted) return super.writeHead(refusalStatus(connect, status), ...rest)
    const headers = connect.takeHeaders(rest.at(-1))
    for (const name of Object.keys(headers)) this.setHeader(name, headers[name]!)
    this.stream.respond({ ...this.getHeaders(), ':status': status }, { sendDate: this.sendDate } as object)
    return this
  }

  override write (...args: any[]): boolean {
    const connect = connectOf(this)
    // What follows are frames, if anything: there is no room for a payload.
    if (connect.isAccepted || (connect.isTooLate && this.writableEnded)) return true
    return (super.write as (...args: any[]) => boolean)(...args)
  }

  override end (...args: any[]): this {
    const connect = connectOf(this)
    if (!connect.isAccepted) return (super.end as (...args: any[]) => this)(...args)
    if (this.writableEnded) return this
    if (!this.headersSent) this.writeHead(this.statusCode)
    connect.answered()
    return this
  }
}

function connectOf (response: Http2ServerResponse): ExtendedConnect {
  return Opening.of(response) as ExtendedConnect
}

/** Any 2xx would open the connection (RFC 9110 §9.3.6): that of a hook, or of a handler for what is not found. */
function refusalStatus ({ host }: ExtendedConnect, status: number): number {
  if (status < 200 || status > 299) return status
  return host === null ? 404 : 403
}
