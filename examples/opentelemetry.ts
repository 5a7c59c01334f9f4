/*
 * An OpenTelemetry span for each connection, from its handshake to its end, in the trace that the client's `traceparent`
 * header names. A refused handshake gets a short span. Each span is printed when it ends.
 *
 *   node dist/examples/opentelemetry.js
 *   npx wscat --connect ws://127.0.0.1:3000/rooms/tea
 *   npx wscat --connect ws://127.0.0.1:3000/rooms/tea \
 *     --header 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
 *   npx wscat --connect ws://127.0.0.1:3000/rooms/closed
 *
 * Send something, then send `fail`. The last one is refused.
 *
 * To send spans to a collector, replace the processor below:
 *
 *   new BatchSpanProcessor(new OTLPTraceExporter())     // from @opentelemetry/exporter-trace-otlp-proto
 */
import { subscribe } from 'node:diagnostics_channel'
import { context, propagation, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { ConsoleSpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import {
  ATTR_CLIENT_ADDRESS, ATTR_ERROR_TYPE, ATTR_HTTP_REQUEST_METHOD, ATTR_HTTP_RESPONSE_STATUS_CODE, ATTR_HTTP_ROUTE,
  ATTR_NETWORK_PROTOCOL_NAME, ATTR_URL_PATH, ATTR_USER_AGENT_ORIGINAL
} from '@opentelemetry/semantic-conventions'
import Fastify, { type FastifyRequest } from 'fastify'
import sockets, {
  CloseCode, type CloseMessage, type ErrorMessage, type HandshakeMessage, type OpenMessage, type RefusalMessage
} from 'fastify-sockets'

const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(new ConsoleSpanExporter())] })
// Also the W3C propagator, which reads `traceparent`, and the context manager, which is an AsyncLocalStorage.
provider.register()
const tracer = trace.getTracer('fastify-sockets')

/** For each connection, and each handshake that may become one. */
const spans = new WeakMap<FastifyRequest, Span>()

subscribe('fastify-sockets.handshake', message => {
  const { request } = message as HandshakeMessage
  const { url } = request.routeOptions
  const attributes = {
    [ATTR_HTTP_REQUEST_METHOD]: request.method,
    [ATTR_HTTP_ROUTE]: url,
    [ATTR_URL_PATH]: request.url.split('?', 1)[0],
    [ATTR_CLIENT_ADDRESS]: request.ip,
    [ATTR_USER_AGENT_ORIGINAL]: request.headers['user-agent'],
    [ATTR_NETWORK_PROTOCOL_NAME]: 'websocket'
  }
  const parent = propagation.extract(ROOT_CONTEXT, request.headers)
  const span = tracer.startSpan(`${request.method} ${url}`, { kind: SpanKind.SERVER, attributes }, parent)
  spans.set(request, span)
})

subscribe('fastify-sockets.refusal', message => {
  const { request, statusCode } = message as RefusalMessage
  const span = spans.get(request)!
  // As for HTTP: a client's mistake is not an error of the server.
  if (statusCode === null) span.addEvent('the client left')
  else span.setAttribute(ATTR_HTTP_RESPONSE_STATUS_CODE, statusCode)
  if (statusCode !== null && statusCode >= 500) fail(span, String(statusCode))
  span.end()
})

subscribe('fastify-sockets.open', message => {
  const { request } = message as OpenMessage
  spans.get(request)!.setAttribute(ATTR_HTTP_RESPONSE_STATUS_CODE, 101).addEvent('open')
})

subscribe('fastify-sockets.error', message => {
  const { socket, error } = message as ErrorMessage
  spans.get(socket.request)!.recordException(error instanceof Error ? error : String(error))
})

/** Normal ends. From 3000 on, codes are the application's own (RFC 6455 §7.4.2). */
const GOOD_ENDS: number[] = [CloseCode.NORMAL, CloseCode.GOING_AWAY, CloseCode.NO_STATUS]

subscribe('fastify-sockets.close', message => {
  const { socket, info: { code, reason, initiator }, ...figures } = message as CloseMessage
  const span = spans.get(socket.request)!
  // The semantic conventions have no names for these.
  span.setAttributes({
    'websocket.close.code': code,
    'websocket.close.reason': reason,
    'websocket.close.initiator': initiator,
    'websocket.messages.in': figures.messagesIn,
    'websocket.messages.out': figures.messagesOut,
    'websocket.messages.dropped': socket.dropped,
    'websocket.bytes.in': figures.bytesIn,
    'websocket.bytes.out': figures.bytesOut
  })
  if (code < 3000 && !GOOD_ENDS.includes(code)) fail(span, String(code), reason)
  span.end()
})

function fail (span: Span, type: string, message?: string): void {
  span.setAttribute(ATTR_ERROR_TYPE, type).setStatus({ code: SpanStatusCode.ERROR, message })
}

const app = Fastify({ logger: true })
app.register(sockets)

// Everything that follows in the lifecycle, including the handler, runs inside `done`: so the span is active there, and
// after each `await`. Listeners are called by the network instead: bind them, with
// `context.bind(context.active(), message => { … })`.
app.addHook('onRequest', (request, _reply, done) => {
  const span = spans.get(request)
  if (span === undefined) done()
  else context.with(trace.setSpan(context.active(), span), done)
})

app.addHook('onClose', () => provider.shutdown())

app.get('/rooms/:room', {
  ws: true,
  onRequest: async (request, reply) => tracer.startActiveSpan('look for the room', async span => {
    const { room } = request.params as { room: string }
    if (room === 'closed') reply.code(403).send({ error: 'closed' })
    span.end()
  })
}, async socket => {
  for await (const message of socket) {
    if (message === 'fail') throw new Error('on request')
    // A child of the connection's span. If there are many messages, give each its own trace, with a link to that span.
    tracer.startActiveSpan('answer', span => {
      socket.send(message)
      span.end()
    })
  }
})

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
