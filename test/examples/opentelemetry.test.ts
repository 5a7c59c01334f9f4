import { runInNewContext } from 'node:vm'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { test } from 'tap'
import type { Example } from '../support/example.ts'
import { until } from '../support/until.ts'
import { Client, refusal, start } from './support.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`

/** A span as it is printed. */
interface PrintedSpan {
  traceId: string
  id: string
  parentSpanContext?: { spanId: string }
  name: string
  kind: SpanKind
  attributes: Record<string, unknown>
  status: { code: SpanStatusCode, message?: string }
  events: Array<{ name: string, attributes: Record<string, unknown> }>
}

/** What is printed by console.dir, between log lines. */
function printedSpans ({ lines }: Example): PrintedSpan[] {
  const objects = lines.join('\n').matchAll(/^\{\n.*?^\}$/gms)
  return Array.from(objects, ([object]) => JSON.parse(JSON.stringify(runInNewContext(`(${object})`))))
}

/** Waits for the span of the only connection, or of the only handshake, to a room. */
async function spanOf (example: Example, room: string): Promise<PrintedSpan> {
  let span: PrintedSpan | undefined
  await until(() => {
    span = printedSpans(example).find(({ attributes }) => attributes['url.path'] === `/rooms/${room}`)
    return span !== undefined
  })
  return span!
}

/** The names of the spans with this one as their parent. */
function childrenOf (example: Example, { id, traceId }: PrintedSpan): string[] {
  const children = printedSpans(example).filter(span => span.parentSpanContext?.spanId === id && span.traceId === traceId)
  return children.map(({ name }) => name)
}

test('opentelemetry', async t => {
  const example = await start(t, 'opentelemetry')

  await t.test('a connection is one span in the trace of its client, and the handler runs inside of it', async t => {
    const client = await Client.open(example, '/rooms/tea?from=here', { traceparent: TRACEPARENT, 'user-agent': 'a test' })
    for (const text of ['hello', 'good bye']) {
      client.socket.send(text)
      t.equal(await client.next(), text)
    }
    client.socket.close(1000, 'enough')
    const span = await spanOf(example, 'tea')
    t.equal(span.name, 'GET /rooms/:room')
    t.equal(span.traceId, TRACE)
    t.equal(span.parentSpanContext?.spanId, PARENT)
    t.equal(span.kind, SpanKind.SERVER)
    t.same(span.status, { code: SpanStatusCode.UNSET })
    t.same(span.attributes, {
      'http.request.method': 'GET',
      'http.route': '/rooms/:room',
      'http.response.status_code': 101,
      'url.path': '/rooms/tea',
      'client.address': '127.0.0.1',
      'user_agent.original': 'a test',
      'network.protocol.name': 'websocket',
      'websocket.close.code': 1000,
      'websocket.close.reason': 'enough',
      'websocket.close.initiator': 'remote',
      'websocket.messages.in': 2,
      'websocket.messages.out': 2,
      'websocket.messages.dropped': 0,
      'websocket.bytes.in': 39,
      'websocket.bytes.out': 21
    })
    t.same(span.events.map(({ name }) => name), ['open'])
    t.same(childrenOf(example, span), ['look for the room', 'answer', 'answer'], 'those of hooks and of the handler')
  })

  await t.test('without a traceparent it begins a trace', async t => {
    const client = await Client.open(example, '/rooms/coffee')
    client.socket.close(4001)
    const span = await spanOf(example, 'coffee')
    t.notOk(span.parentSpanContext)
    t.not(span.traceId, TRACE)
    t.match(span.attributes, { 'websocket.close.code': 4001 })
    t.same(span.status, { code: SpanStatusCode.UNSET }, 'a code of the application is no error')
  })

  await t.test('a connection whose handler fails is an error, with the exception', async t => {
    const client = await Client.open(example, '/rooms/milk')
    client.socket.send('fail')
    t.match(await client.closed, { code: 1011 })
    const span = await spanOf(example, 'milk')
    t.same(span.status, { code: SpanStatusCode.ERROR, message: 'internal error' })
    t.match(span.attributes, { 'error.type': '1011', 'websocket.close.code': 1011, 'websocket.close.initiator': 'local' })
    t.match(span.events, [
      { name: 'open' },
      { name: 'exception', attributes: { 'exception.message': 'on request', 'exception.stacktrace': /^Error: on request/ } }
    ])
  })

  await t.test('a connection that ends without a close frame is an error', async t => {
    const client = await Client.open(example, '/rooms/sugar')
    client.socket.terminate()
    const span = await spanOf(example, 'sugar')
    t.match(span.status, { code: SpanStatusCode.ERROR })
    t.match(span.attributes, { 'error.type': '1006', 'websocket.close.code': 1006, 'websocket.close.initiator': 'remote' })
  })

  await t.test('a refused handshake is a span of its own, and no error of the server; a plain request is none', async t => {
    t.equal((await fetch(`${example.url}/rooms/closed`)).status, 403, 'by the route\'s own hook')
    t.equal(await refusal(example, '/rooms/closed', { traceparent: TRACEPARENT }), 403)
    const span = await spanOf(example, 'closed')
    t.equal(span.parentSpanContext?.spanId, PARENT)
    t.same(span.status, { code: SpanStatusCode.UNSET })
    t.match(span.attributes, { 'http.response.status_code': 403 })
    t.notOk('websocket.close.code' in span.attributes)
    t.same(span.events, [])
    t.same(childrenOf(example, span), ['look for the room'])
  })
})
