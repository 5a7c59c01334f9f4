import { randomBytes } from 'node:crypto'
import { type IncomingHttpHeaders, type IncomingMessage, request as httpRequest } from 'node:http'
import { text } from 'node:stream/consumers'
import type { FastifyInstance } from 'fastify'
import type { InjectWSOptions } from '../../types/inject.ts'
import { readAnswer } from '../deflate/negotiate.ts'
import { FST_ERR_WS_INJECT_HIJACKED, FST_ERR_WS_INJECT_REFUSED, FST_ERR_WS_INJECT_UNANSWERED } from '../errors.ts'
import { parseJson } from '../message/codec.ts'
import { DEFAULTS, DEFLATE_DEFAULTS } from '../plugin/options.ts'
import { Registry } from '../plugin/registry.ts'
import type { WebSocketRoute } from '../plugin/route.ts'
import { VERSION } from '../protocol/handshake.ts'
import type { Decoder, SocketBehaviour } from '../socket/behaviour.ts'
import { SocketBase } from '../socket/socket.ts'
import { duplexPair } from './duplex-pair.ts'

/** Milliseconds that an answer may take beyond what routes allow: what is no WebSocket route has no limit of its own. */
const PATIENCE = 60_000

/** `app.injectWS`: connects to a route in memory, through Node's HTTP parser and Fastify's whole lifecycle. */
export async function injectWS (app: FastifyInstance, url: string, options: InjectWSOptions = {}): Promise<SocketBase> {
  const registry = Registry.of(app)
  await registry.app.ready()
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
  const opened = new Promise<void>(resolve => { far.onOpen = resolve })
  registry.injectServer.emit('connection', far)
  let timer: NodeJS.Timeout | undefined
  const answered = new Promise<SocketBase>((resolve, reject) => {
    const cut = (cause: Error): void => reject(new FST_ERR_WS_INJECT_UNANSWERED(cause.message, { cause }))
    const patience = registry.longestHandshake + PATIENCE
    timer = setTimeout(() => reject(new FST_ERR_WS_INJECT_UNANSWERED(`none for ${patience} ms`)), patience)
    request.on('error', cut)
    request.on('response', response => { refused(response).then(reject, cut) })
    request.on('upgrade', (response, _socket, head) => {
      const { route } = far
      if (route === null) {
        reject(new FST_ERR_WS_INJECT_HIJACKED())
        return
      }
      const { 'sec-websocket-protocol': protocol = '', 'sec-websocket-extensions': extensions } = response.headers
      const compression = readAnswer(extensions, request.getHeader('sec-websocket-extensions')?.toString())
      const agreed = { protocol, extensions: extensions ?? '', compression }
      const socket = new SocketBase(near, agreed, clientBehaviour(route as WebSocketRoute))
      socket.connection.start(head)
      opened.then(() => resolve(socket))
      // The route's own 101 has opened the socket by the time that it is read.
      setImmediate(() => reject(new FST_ERR_WS_INJECT_HIJACKED()))
    })
    request.end()
  })
  answered.catch(() => near.destroy())
  return await answered.finally(() => clearTimeout(timer))
}

async function refused (response: IncomingMessage): Promise<Error> {
  const body = await text(response)
  const error: Error & { headers?: IncomingHttpHeaders, body?: string } =
    new FST_ERR_WS_INJECT_REFUSED(response.statusCode!, body)
  return Object.assign(error, { statusCode: response.statusCode, headers: response.headers, body })
}

/** Speaks JSON where the route does. Its errors are the test's: they are not held back. */
function clientBehaviour (route: WebSocketRoute): SocketBehaviour {
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
    decoder: route.hasSendSchema ? JSON_DECODER : null,
    serialize: route.hasMessageSchema ? JSON.stringify : null,
    onError: rethrow,
    onInvalidMessage: rethrow,
    onEnd: () => {}
  }
}

const JSON_DECODER: Decoder = {
  decode: text => parseJson(text, { protoAction: 'error', constructorAction: 'error' }),
  takeFailure: () => null
}

function rethrow (error: unknown): void {
  process.nextTick(() => { throw error })
}
