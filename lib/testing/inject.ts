import { randomBytes } from 'node:crypto'
import { type IncomingHttpHeaders, type IncomingMessage, request as httpRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { InjectWSOptions } from '../../types/inject.ts'
import type { BaseSocket } from '../../types/socket.ts'
import type { SocketContract } from '../contract/define-socket.ts'
import { withQuery } from '../contract/query.ts'
import { fillUrl } from '../contract/url.ts'
import { DEFLATE_DEFAULTS, readAnswer } from '../deflate/negotiate.ts'
import { FST_ERR_WS_INJECT_HIJACKED, FST_ERR_WS_INJECT_REFUSED, FST_ERR_WS_INJECT_UNANSWERED } from '../errors.ts'
import { DEFAULTS } from '../live/route-options.ts'
import { parseJson } from '../message/codec.ts'
import { VERSION } from '../protocol/handshake.ts'
import type { SocketBehaviour } from '../socket/behaviour.ts'
import { SocketCore } from '../socket/socket.ts'
import { duplexPair } from './duplex-pair.ts'
import type { Speech } from './injected.ts'

/** Milliseconds that an answer may take beyond the limits of all routes: an ordinary HTTP route has no limit. */
const GRACE = 60_000

/** An app that takes connections in memory. */
export interface InjectTarget {
  /** Resolves when its routes can be called. */
  ready (): PromiseLike<unknown>
  /** Serves a connection. */
  connect (duplex: Duplex): void
  /** The longest `handshakeTimeout` of its routes, in milliseconds. */
  readonly longestHandshake: number
}

/** What matters of a contract at run time. */
export type InjectedContract = Pick<SocketContract, 'url'>

export interface InjectedOptions extends InjectWSOptions {
  prefix?: string
  params?: Record<string, unknown>
  query?: object
}

/** `app.injectWS`: connects to a route in memory, through Node's HTTP parser and Fastify's whole lifecycle. */
export async function injectWS (target: InjectTarget, route: string | InjectedContract, options: InjectedOptions = {}): Promise<BaseSocket<any, any>> {
  const url = typeof route === 'string' ? route : urlOf(route, options)
  await target.ready()
  const [near, far] = duplexPair()
  const { protocols = [], headers = {} } = options
  const { pathname, search } = new URL(url, 'ws://localhost')
  const request = httpRequest({
    createConnection: () => near as any,
    path: pathname + search,
    headers: {
      Host: 'localhost',
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': VERSION,
      'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
      ...(protocols.length > 0 && { 'Sec-WebSocket-Protocol': protocols.join(', ') }),
      ...headers
    }
  })
  const opened = new Promise<Speech>(resolve => { far.onOpen = resolve })
  target.connect(far)
  let timer: NodeJS.Timeout | undefined
  const answered = new Promise<BaseSocket<any, any>>((resolve, reject) => {
    const cut = (cause: Error): void => reject(new FST_ERR_WS_INJECT_UNANSWERED(cause.message, { cause }))
    const patience = target.longestHandshake + GRACE
    timer = setTimeout(() => reject(new FST_ERR_WS_INJECT_UNANSWERED(`none for ${patience} ms`)), patience)
    request.on('error', cut)
    request.on('response', response => { refused(response).then(reject, cut) })
    request.on('upgrade', (response, _socket, head) => {
      const { 'sec-websocket-protocol': protocol = '', 'sec-websocket-extensions': extensions } = response.headers
      const compression = readAnswer(extensions, request.getHeader('sec-websocket-extensions')?.toString())
      const agreed = { protocol, extensions: extensions ?? '', compression }
      opened.then(speech => {
        const socket = new SocketCore(near, agreed, clientBehaviour(speech))
        socket.connection.start(head)
        resolve(socket.public)
      })
      // If the 101 is a route's own, the route has opened its socket before we read it.
      setImmediate(() => reject(new FST_ERR_WS_INJECT_HIJACKED()))
    })
    request.end()
  })
  answered.catch(() => near.destroy())
  return await answered.finally(() => clearTimeout(timer))
}

function urlOf ({ url }: InjectedContract, { prefix = '', params = {}, query = {} }: InjectedOptions): string {
  return prefix + withQuery(fillUrl(url, params), query)
}

async function refused (response: IncomingMessage): Promise<Error> {
  const body = await text(response)
  const error: Error & { headers?: IncomingHttpHeaders, body?: string } =
    new FST_ERR_WS_INJECT_REFUSED(response.statusCode!, body)
  return Object.assign(error, { statusCode: response.statusCode, headers: response.headers, body })
}

/** Speaks JSON where the route does. Errors are the test's: they become uncaught exceptions. */
function clientBehaviour ({ sendsJson, receivesJson }: Speech): SocketBehaviour {
  const { highWaterMark, closeTimeout } = DEFAULTS
  return {
    role: 'client',
    maxPayload: Number.MAX_SAFE_INTEGER,
    maxQueued: Number.MAX_SAFE_INTEGER,
    highWaterMark,
    maxBuffered: Number.MAX_SAFE_INTEGER,
    overflow: 'close',
    closeTimeout,
    rate: null,
    clock: { now: 0 },
    deflate: DEFLATE_DEFAULTS,
    codec: { decode: sendsJson ? decodeJson : null, encode: receivesJson ? JSON.stringify : null },
    textPings: sendsJson || receivesJson,
    onError: rethrow,
    onInvalidMessage: rethrow,
    onEnd: () => {}
  }
}

function decodeJson (data: string | Buffer): unknown {
  // A custom serializer may return bytes.
  if (typeof data !== 'string') return data
  return parseJson(data, { protoAction: 'error', constructorAction: 'error' })
}

function rethrow (error: unknown): void {
  process.nextTick(() => { throw error })
}
