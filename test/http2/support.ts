import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { FastifyServerOptions } from 'fastify'
import type { PluginOptions, RefusalMessage, Socket, SocketOptions } from 'fastify-sockets'
import type { Test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { masked, readFrame, type WireFrame } from '../support/frames.ts'
import { linesWith } from '../support/handshakes.ts'
import { until } from '../support/until.ts'

export const CANCEL = 8
export const INTERNAL_ERROR = 2
export const NO_ERROR = 0

export type App = ReturnType<typeof createApp>

/** An app that speaks HTTP/2 in clear text. */
export function http2App (t: Test, options: PluginOptions = {}, server: Record<string, unknown> = {}): App {
  return createApp(t, options, { http2: true, ...server } as FastifyServerOptions)
}

export interface SessionOptions {
  scheme?: 'http' | 'https'
  host?: string
  [option: string]: unknown
}

/** A session of Node's own client that has heard the server's settings, gone when the test ends. */
export async function openSession (t: Test, port: number, options: SessionOptions = {}): Promise<ClientHttp2Session> {
  const { scheme = 'http', host = '127.0.0.1', ...others } = options
  const socket = scheme === 'http'
    ? connectTcp({ port, host })
    : connectTls({ port, host, ALPNProtocols: ['h2'], rejectUnauthorized: false })
  const session = connect(`${scheme}://${host}:${port}`, { ...others, createConnection: () => socket })
  session.on('error', () => {})
  // To destroy the session would have Node 20 write without end, if one of its streams had been reset with CANCEL.
  t.teardown(() => { socket.destroy() })
  await once(session, 'remoteSettings')
  return session
}

export type RequestHeaders = Record<string, string | string[] | undefined>

export interface StreamOptions {
  /** Ends the stream with the request. */
  endStream?: boolean
}

/** The header fields of RFC 8441 §5, and others; those that are undefined are left out. */
export function connectHeaders (path: string, headers: RequestHeaders = {}): IncomingHttpHeaders {
  const all: RequestHeaders = {
    ':method': 'CONNECT', ':protocol': 'websocket', ':path': path, 'sec-websocket-version': '13', ...headers
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

/** One stream, with what came on it. Knows nothing of lib/. */
export class StreamClient {
  readonly stream: ClientHttp2Stream
  received = Buffer.alloc(0)
  /** Of the answer. */
  headers: IncomingHttpHeaders | null = null
  /** The server has ended its side, with END_STREAM. */
  ended = false
  closed = false
  #wake: () => void = () => {}

  constructor (session: ClientHttp2Session, headers: IncomingHttpHeaders, options: StreamOptions = {}) {
    this.stream = session.request(headers, { endStream: options.endStream ?? false })
    this.stream.on('response', headers => {
      this.headers = headers
      this.#wake()
    })
    this.stream.on('data', chunk => {
      this.received = Buffer.concat([this.received, chunk])
      this.#wake()
    })
    this.stream.on('end', () => {
      // Of a stream that was reset, too, Node says that it has ended.
      this.ended = this.stream.rstCode === NO_ERROR
      this.#wake()
    })
    this.stream.on('close', () => {
      this.closed = true
      this.#wake()
    })
    this.stream.on('error', () => {})
  }

  /** The status, once the answer has come. */
  async status (): Promise<number> {
    await this.until(() => this.headers !== null)
    return Number(this.headers![':status'])
  }

  write (data: string | Uint8Array): void {
    this.stream.write(data)
  }

  /** Sends one masked frame. */
  send (opcode: number, payload: string | Uint8Array = '', options: { fin?: boolean, rsv?: number } = {}): void {
    this.write(masked(opcode, payload, options))
  }

  /** The next frame from the server. */
  async frame (): Promise<WireFrame> {
    await this.until(() => readFrame(this.received) !== null)
    const read = readFrame(this.received)!
    this.received = this.received.subarray(read.size)
    return read
  }

  /** The payload of the next frame, as text. */
  async text (): Promise<string> {
    return (await this.frame()).payload.toString()
  }

  /** The next frame, which must be a close: its code (1005 for none) and reason. */
  async close (): Promise<{ code: number, reason: string }> {
    const { opcode, payload } = await this.frame()
    if (opcode !== 8) throw new Error(`expected a close frame, got opcode ${opcode}: ${payload.toString()}`)
    if (payload.length === 0) return { code: 1005, reason: '' }
    return { code: payload.readUInt16BE(0), reason: payload.toString('utf8', 2) }
  }

  /** Resolves with everything that is left when the server has ended its side. */
  async end (): Promise<string> {
    await this.until(() => this.ended)
    return this.received.toString()
  }

  /** Resolves with the error code when the stream is over. */
  async rst (): Promise<number> {
    while (!this.closed) await this.#next()
    return this.stream.rstCode!
  }

  async until (isTrue: () => boolean): Promise<void> {
    while (!isTrue()) {
      if (this.closed) throw new Error(`the stream is over: ${this.stream.rstCode}, ${JSON.stringify(this.received.toString('latin1'))}`)
      await this.#next()
    }
  }

  #next (): Promise<void> {
    return new Promise(resolve => { this.#wake = resolve })
  }
}

/** Asks for a WebSocket; there may be no answer yet. */
export function openStream (
  session: ClientHttp2Session, path: string, headers: RequestHeaders = {}, options: StreamOptions = {}
): StreamClient {
  return new StreamClient(session, connectHeaders(path, headers), options)
}

/** A WebSocket that is open. */
export async function openSocket (
  session: ClientHttp2Session, path: string, headers: RequestHeaders = {}
): Promise<StreamClient> {
  const client = openStream(session, path, headers)
  const status = await client.status()
  if (status !== 200) throw new Error(`handshake refused: ${status} ${await client.end()}`)
  return client
}

/** An answer that opens nothing, to its END_STREAM, which comes while the client's side is open. */
export interface Refusal {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

/** Asks for a WebSocket that must be refused, and leaves. */
export async function refusal (client: StreamClient): Promise<Refusal> {
  const status = await client.status()
  const body = await client.end()
  client.stream.end()
  await client.rst()
  return { status, headers: client.headers!, body }
}

/** An ordinary request: its status and body. */
export async function get (session: ClientHttp2Session, path: string): Promise<{ status: number, body: string }> {
  const client = new StreamClient(session, { ':path': path }, { endStream: true })
  return { status: await client.status(), body: await client.end() }
}

/** Resolves when the session has been told to go away: by then no new stream may be opened on it. */
export async function goAway (session: ClientHttp2Session): Promise<number> {
  const [code] = await once(session, 'goaway')
  return code as number
}

/** An app at which handshakes are refused, and a client that asks. */
export interface RefusingApp {
  app: App
  port: number
  session: ClientHttp2Session
  /** The refusal of one more handshake, which the statistics, the diagnostics and the log agree on. */
  knock (path?: string, headers?: RequestHeaders, options?: StreamOptions): Promise<Refusal>
}

/** @param declare the route at `/room` and others; none of them may open a socket */
export async function refusingApp (
  t: Test, declare: (app: App) => void = () => {}, options: PluginOptions = {}, server: Record<string, unknown> = {}
): Promise<RefusingApp> {
  const app = http2App(t, options, server)
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  declare(app)
  const statuses = refusalStatuses(t)
  const port = await listen(app)
  const session = await openSession(t, port)
  let knocks = 0
  async function knock (path = '/room', headers: RequestHeaders = {}, options: StreamOptions = {}): Promise<Refusal> {
    const response = await refusal(openStream(session, path, headers, options))
    await until(() => linesWith(app.lines, 'request completed').length > knocks)
    const line = linesWith(app.lines, 'request completed')[knocks++]!
    t.equal(line.res.statusCode, response.status, 'the log has the status')
    // A path without a WebSocket route has no statistics.
    if (path === '/room') {
      t.equal(statuses.at(-1), response.status, 'the diagnostics have the status')
      t.equal(statuses.length, app.sockets.stats().refused)
    }
    t.equal(app.sockets.stats().opened, 0)
    return response
  }
  return { app, port, session, knock }
}

/** What is published of refusals until the test ends: the status of each. */
export function refusalStatuses (t: Test): Array<number | null> {
  const statuses: Array<number | null> = []
  const listener = (message: unknown): void => { statuses.push((message as RefusalMessage).statusCode) }
  subscribe('fastify-sockets.refusal', listener)
  t.teardown(() => unsubscribe('fastify-sockets.refusal', listener))
  return statuses
}

/** Both ends of one connection: the socket as its handler got it, with nothing listening yet, and a client. */
export interface Http2Pair {
  app: App
  port: number
  session: ClientHttp2Session
  socket: Socket<any, any>
  client: StreamClient
  /** One more on the same session, which echoes. */
  neighbour: StreamClient
}

export async function http2Pair (
  t: Test, ws: SocketOptions = {}, sessionOptions: SessionOptions = {}, server: Record<string, unknown> = {}
): Promise<Http2Pair> {
  const app = http2App(t, { heartbeat: false }, server)
  const sockets: Array<Socket<any, any>> = []
  let end = (): void => {}
  const testHasEnded = new Promise<void>(resolve => { end = resolve })
  app.get('/', { ws }, socket => {
    sockets.push(socket)
    return testHasEnded
  })
  app.get('/echo', { ws: true }, socket => { socket.on('message', message => { socket.send(message) }) })
  t.teardown(end)
  const port = await listen(app)
  const session = await openSession(t, port, sessionOptions)
  const client = await openSocket(session, '/')
  const neighbour = await openSocket(session, '/echo')
  return { app, port, session, client, neighbour, socket: sockets[0]! }
}

/** Everything that a socket tells of its end, in order. */
export function endOf (socket: Socket<any, any>): unknown[] {
  const events: unknown[] = []
  socket.on('message', () => {})
  socket.on('error', error => { events.push((error as NodeJS.ErrnoException).code) })
  socket.on('close', ({ code, wasClean, initiator }) => { events.push([code, wasClean, initiator]) })
  return events
}
