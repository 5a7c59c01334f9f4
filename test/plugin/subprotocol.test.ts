import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { SocketOptions } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { createApp, listen, type LogLine } from '../support/app.ts'
import { errorBody, lastResponse, linesWith } from '../support/handshakes.ts'
import { handshake, RawClient, type WireResponse } from '../support/raw-client.ts'

const NOT_CHOSEN =
  "none of the subprotocols that the client offers is chosen, so a browser fails the connection: see the WebSocket option 'protocols'"

/** How a route with this option answers an offer. */
async function offering (t: Test, protocols: SocketOptions['protocols'], offer: string | undefined) {
  const app = createApp(t)
  let agreed: string | undefined
  app.get('/room', { ws: { protocols } }, socket => { agreed = socket.protocol })
  const client = new RawClient(await listen(app))
  t.teardown(() => client.destroy())
  client.write(handshake('/room', { 'Sec-WebSocket-Protocol': offer }))
  const response = await client.response()
  return { response, picked: response.headers['sec-websocket-protocol']?.[0], agreed: () => agreed, lines: app.lines }
}

for (const [name, protocols, offer] of [
  ['the route has none', undefined, 'v1, v2'],
  ['none of its own fits', ['v3'], 'v1, v2'],
  ['its function picks none', () => false, 'v1, v2'],
  ['there are very many', [], Array.from({ length: 2000 }, (_, i) => `v${i}`).join(',')]
] as Array<[string, SocketOptions['protocols'], string]>) {
  test(`a log line names the subprotocols that are offered in vain, and the option: ${name}`, async t => {
    const { response, picked, lines } = await offering(t, protocols, offer)
    t.equal(response.status, 101)
    t.equal(picked, undefined)
    const [line, ...more] = linesWith(lines, NOT_CHOSEN)
    t.same(more, [])
    t.match(line, { level: 30, reqId: String })
    t.equal(line!.offered, offer.length > 256 ? `${offer.slice(0, 256)}…` : offer)
  })
}

for (const [name, protocols, offer] of [
  ['none is offered', undefined, undefined], ['none is offered, and the route has some', ['v1'], undefined],
  ['one is chosen', ['v2'], 'v1, v2']
] as Array<[string, SocketOptions['protocols'], string | undefined]>) {
  test(`nothing is said of subprotocols where ${name}`, async t => {
    const { response, lines } = await offering(t, protocols, offer)
    t.equal(response.status, 101)
    t.same(linesWith(lines, NOT_CHOSEN), [])
  })
}

test('a function chooses with what is offered, in order, and the request as hooks have left it', async t => {
  const asked: Array<[string[], FastifyRequest]> = []
  const app = createApp(t)
  app.decorateRequest('wants', '')
  app.addHook('preHandler', async request => { request.setDecorator('wants', 'v1') })
  let socket: any
  app.get('/room', {
    ws: {
      protocols: (offered, request) => {
        asked.push([offered.slice(), request])
        offered.length = 0
        return request.getDecorator<string>('wants')
      }
    }
  }, one => { socket = one })
  const client = new RawClient(await listen(app))
  t.teardown(() => client.destroy())
  client.write(handshake('/room', { 'Sec-WebSocket-Protocol': 'v3, v1,v2' }))
  t.same((await client.response()).headers['sec-websocket-protocol'], ['v1'])
  t.equal(socket.protocol, 'v1')
  t.same(asked.map(([offered]) => offered), [['v3', 'v1', 'v2']])
  t.equal(asked[0]![1], socket.request)
})

test('a function is not asked where nothing is offered', async t => {
  const { response, agreed } = await offering(t, () => { throw new Error('asked') }, undefined)
  t.equal(response.status, 101)
  t.equal(agreed(), '')
})

test('a function of the plugin holds for its routes, and injectWS meets it', async t => {
  const app = createApp(t, { protocols: offered => offered.at(-1)! })
  app.get('/room', { ws: true }, () => {})
  await app.ready()
  const client = await app.injectWS('/room', { protocols: ['a', 'b'] })
  t.equal(client.protocol, 'b')
  await client.close()
})

/** The answer of a route whose function does something else than to choose. */
async function refused (t: Test, protocols: unknown): Promise<{ app: FastifyInstance & { lines: LogLine[] }, response: WireResponse }> {
  const app = createApp(t)
  app.get('/room', { ws: { protocols: protocols as any } }, () => { t.fail('the handler was called') })
  const response = await lastResponse(await listen(app), handshake('/room', { 'Sec-WebSocket-Protocol': 'v1, v2' }))
  t.equal(response.status, 500)
  t.equal(response.headers['sec-websocket-protocol'], undefined)
  return { app, response }
}

for (const [name, chosen, shown] of [
  ['a subprotocol that was not offered', 'v3', "'v3'"],
  ['another case', 'V1', "'V1'"],
  ['several', 'v1, v2', "'v1, v2'"],
  ['an empty string', '', "''"],
  ['what would be a header of its own', 'v1\r\nx: y', "'v1\r\nx: y'"],
  ['true', true, 'boolean'],
  ['nothing', undefined, 'undefined'],
  ['null', null, 'null'],
  ['a list', ['v1'], 'object'],
  ['a promise', Promise.resolve('v1'), 'object']
] as const) {
  test(`a function that returns ${name} is a 500 that says what it may return, and is logged`, async t => {
    const { app, response } = await refused(t, () => chosen)
    const wanted = { code: 'FST_ERR_WS_SUBPROTOCOL', message: `an offered subprotocol, not ${shown}; offered: v1, v2` }
    t.match(errorBody(response), wanted)
    t.match(app.lines.filter(line => line.level >= 50), [{ err: wanted }])
  })
}

test('a function that rejects is not left as a rejection that nobody takes', async t => {
  const { response } = await refused(t, async () => { throw new Error('late') })
  t.equal(errorBody(response).code, 'FST_ERR_WS_SUBPROTOCOL')
})

for (const thrown of [new Error('no table'), null, undefined, 'a text']) {
  test(`a function that throws ${thrown} is a 500, and is logged`, async t => {
    const { app, response } = await refused(t, () => { throw thrown })
    if (thrown instanceof Error) t.equal(errorBody(response).message, 'no table')
    t.ok(app.lines.some(line => line.level >= 50), 'it is logged')
  })
}
