import { STATUS_CODES } from 'node:http'
import {
  type ClientHttp2Session, type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders
} from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { Duplex } from 'node:stream'
import { acceptFor } from './acceptance.ts'

const HEAD_END = '\r\n\r\n'
/** Said in other ways (RFC 9113 §8.2.2, §8.3.1), or not at all (RFC 8441 §5). */
const NOT_OVER_HTTP2 = ['host', 'connection', 'upgrade', 'sec-websocket-key']

/**
 * A connection of HTTP/1.1 to its user, and a stream of HTTP/2 to the server. The request that is written is sent as an
 * extended CONNECT (RFC 8441) if it asks for a WebSocket, and as any request otherwise; the response is read as HTTP/1.1
 * has it, with a 101 for the 200 that opens a WebSocket. What follows goes to and fro as it is. The end of either side
 * is END_STREAM, and a reset is RST_STREAM with CANCEL (RFC 8441 §5). Knows nothing of lib/.
 */
export class Http2Transport extends Duplex {
  readonly #session: ClientHttp2Session
  #stream: ClientHttp2Stream | null = null
  readonly #abort = new AbortController()
  #head = ''
  #key: string | undefined
  #isReady = false
  bytesRead = 0

  constructor (port: number, allowHalfOpen = false) {
    super({ allowHalfOpen })
    this.#session = connect('http://localhost', {
      createConnection: () => connectTcp({ port, host: '127.0.0.1', noDelay: true })
    })
    this.#session.once('remoteSettings', () => { this.#isReady = true })
    this.#session.on('error', error => this.destroy(error))
    this.#session.on('close', () => { if (this.#stream === null) this.destroy() })
  }

  setNoDelay (): this {
    return this
  }

  resetAndDestroy (): this {
    return this.destroy()
  }

  override _write (bytes: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#stream !== null) {
      if (this.#stream.closed) done()
      else this.#stream.write(bytes, done)
      return
    }
    this.#head += bytes.toString('latin1')
    const end = this.#head.indexOf(HEAD_END)
    if (end === -1) {
      done()
      return
    }
    const rest = Buffer.from(this.#head.slice(end + HEAD_END.length), 'latin1')
    this.#whenReady(() => {
      this.#stream = this.#request(this.#head.slice(0, end))
      if (rest.length === 0) done()
      else this.#stream.write(rest, done)
    })
  }

  /** An extended CONNECT has to wait for the server's SETTINGS (RFC 8441 §3). */
  #whenReady (go: () => void): void {
    if (this.#isReady) go()
    else this.#session.once('remoteSettings', () => { if (!this.destroyed) go() })
  }

  /** What was written meanwhile leaves together, as TCP would send it. */
  override _writev (chunks: Array<{ chunk: Buffer, encoding: string }>, done: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), '', done)
  }

  override _final (done: (error?: Error | null) => void): void {
    if (this.#stream === null) {
      // Without a request there is nothing that could be ended but the whole.
      this.push(null)
      done()
    } else if (this.#stream.closed) {
      done()
    } else {
      this.#stream.end(() => done())
    }
  }

  override _read (): void {
    this.#stream?.resume()
  }

  override _destroy (error: Error | null, done: (error?: Error | null) => void): void {
    if (this.#stream === null) {
      this.#session.destroy()
    } else {
      if (!this.readableEnded || !this.writableFinished) {
        // RST_STREAM with CANCEL; to close the stream would send END_STREAM before it.
        this.#abort.abort()
      }
      if (!this.#session.destroyed) this.#session.close()
    }
    done(error)
  }

  #request (head: string): ClientHttp2Stream {
    const [first, ...lines] = head.split('\r\n')
    const [method, path] = first!.split(' ')
    const fields = lines.map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).replace(/^[ \t]+|[ \t]+$/g, '')])
    const valueOf = (name: string): string | undefined => fields.find(field => field[0] === name)?.[1]
    const headers: Record<string, string | string[]> = {}
    for (const [name, value] of fields) {
      if (!NOT_OVER_HTTP2.includes(name!)) headers[name!] = headers[name!] === undefined ? value! : [headers[name!]!, value!].flat()
    }
    this.#key = valueOf('sec-websocket-key')
    const isWebSocket = valueOf('upgrade')?.toLowerCase() === 'websocket'
    if (isWebSocket && !this.#session.remoteSettings.enableConnectProtocol) {
      throw new Error('the server has not announced SETTINGS_ENABLE_CONNECT_PROTOCOL')
    }
    const hasBody = isWebSocket || Number(valueOf('content-length') ?? 0) > 0
    const stream = this.#session.request({
      ':scheme': 'http',
      ':path': path,
      ':authority': valueOf('host'),
      ...isWebSocket ? { ':method': 'CONNECT', ':protocol': 'websocket' } : { ':method': method },
      ...headers
    }, { endStream: !hasBody, signal: this.#abort.signal })
    this.#listen(stream, isWebSocket)
    return stream
  }

  #listen (stream: ClientHttp2Stream, isWebSocket: boolean): void {
    stream.on('response', headers => {
      this.push(isWebSocket && headers[':status'] === 200 ? this.#switched(headers) : answer(headers[':status']!, { ...headers, connection: 'close' } as IncomingHttpHeaders))
    })
    stream.on('data', chunk => {
      this.bytesRead += chunk.length
      if (!this.push(chunk)) stream.pause()
    })
    stream.on('end', () => { if (stream.rstCode === constants.NGHTTP2_NO_ERROR) this.push(null) })
    // What it was is known when it closes.
    stream.on('error', () => {})
    stream.on('close', () => {
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) this.destroy(connectionReset())
      // The server needs no more of ours (RFC 9113 §8.1).
      else if (this.readableEnded) this.destroy()
      else this.once('end', () => this.destroy())
    })
  }

  /** RFC 6455 §4.2.2. */
  #switched (headers: IncomingHttpHeaders): string {
    const accept = acceptFor(this.#key)
    return answer(101, { upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-accept': accept, ...headers })
  }
}

/** The head of a response in HTTP/1.1. */
function answer (status: number, headers: IncomingHttpHeaders): string {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`]
  for (const [name, values] of Object.entries(headers)) {
    if (!name.startsWith(':')) for (const value of [values].flat()) lines.push(`${name}: ${value}`)
  }
  return lines.join('\r\n') + HEAD_END
}

/** What a net.Socket fails with. */
function connectionReset (): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' })
}
