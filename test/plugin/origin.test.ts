import type { FastifyRequest } from 'fastify'
import type { SocketOptions } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { errorBody, lastResponse, linesWith } from '../support/handshakes.ts'
import { handshake, RawClient, type WireResponse } from '../support/raw-client.ts'

/** How a route with this origin option answers handshakes: a function of their headers. */
async function answers (t: Test, options: SocketOptions, server = {}) {
  const app = createApp(t, {}, server)
  app.get('/room', { ws: options }, () => {})
  const port = await listen(app)
  const answer = async (headers: Record<string, string | undefined>): Promise<WireResponse> => {
    const client = new RawClient(port)
    client.write(handshake('/room', headers))
    const response = await client.response()
    await client.destroy()
    return response
  }
  const status = async (headers: Record<string, string | undefined>): Promise<number> => (await answer(headers)).status
  return { app, port, answer, status }
}

const SAME_HOST: Array<[origin: string, host: string]> = [
  ['http://localhost:3000', 'localhost:3000'],
  ['https://app.example', 'app.example'],
  ['http://app.example', 'app.example'],
  ['https://app.example', 'app.example:443'],
  ['http://app.example', 'app.example:80'],
  ['https://app.example', 'APP.Example'],
  ['https://app.example:8443', 'app.example:8443'],
  ['https://app.example.', 'app.example.'],
  ['http://127.0.0.1:3000', '127.0.0.1:3000'],
  ['http://[::1]:3000', '[::1]:3000'],
  ['http://my_service:3000', 'my_service:3000'],
  // As native clients write them: no page can have one of these.
  ['wss://app.example', 'app.example:443'],
  ['wss://app.example', 'app.example'],
  ['wss://app.example:443', 'app.example'],
  ['ws://app.example', 'app.example:80'],
  ['ws://app.example:3000', 'app.example:3000'],
  ['ws://127.0.0.1:3000', '127.0.0.1:3000'],
  ['wss://[::1]:3000', '[::1]:3000'],
  ['https://app.example:443', 'app.example'],
  ['https://app.example:443', 'app.example:443'],
  ['http://app.example:80', 'app.example'],
  ['HTTPS://app.example', 'app.example'],
  ['WSS://App.Example:443', 'APP.example'],
  ['https://APP.example', 'app.example'],
  ['https://xn--bcher-kva.example', 'xn--bcher-kva.example']
]

test("'same-host', the default, lets in the pages of the host and port that the client asked for", async t => {
  for (const options of [{}, { origin: 'same-host' }] as SocketOptions[]) {
    const { status } = await answers(t, options)
    for (const [Origin, Host] of SAME_HOST) t.equal(await status({ Origin, Host }), 101, `${Origin} at ${Host}`)
  }
})

test("'same-host' judges each handshake by itself, whatever the one before it was allowed", async t => {
  const { status } = await answers(t, {})
  for (let i = 0; i < 2; i++) {
    t.equal(await status({ Origin: 'https://app.example', Host: 'app.example' }), 101)
    t.equal(await status({ Origin: 'https://app.example', Host: 'evil.example' }), 403)
    t.equal(await status({ Origin: 'https://evil.example', Host: 'app.example' }), 403)
    t.equal(await status({ Origin: 'https://app.example.', Host: 'app.example' }), 403)
  }
})

const OTHER_HOST: Array<[origin: string, host: string, why: string]> = [
  ['https://evil.example', 'app.example', 'another host'],
  ['https://evil.app.example', 'app.example', 'a subdomain'],
  ['https://app.example.evil.example', 'app.example', 'the host as a prefix'],
  ['https://app.example', 'www.app.example', 'the parent domain'],
  ['http://localhost:3001', 'localhost:3000', 'another port'],
  ['http://localhost', 'localhost:3000', 'no port'],
  ['http://localhost:3000', 'localhost', 'a port where none was asked for'],
  ['http://app.example', 'app.example:443', "the other scheme's default port"],
  ['https://app.example', 'app.example:80', "the other scheme's default port"],
  ['ws://app.example', 'app.example:443', "the other scheme's default port"],
  ['wss://app.example', 'app.example:80', "the other scheme's default port"],
  ['wss://app.example:80', 'app.example', "the other scheme's default port"],
  ['ws://app.example:443', 'app.example', "the other scheme's default port"],
  ['wss://evil.example', 'app.example', 'another host'],
  ['wss://app.example:8443', 'app.example:443', 'another port'],
  ['wss://app.example:443', 'app.example:8443', 'another port'],
  ['https://app.example.', 'app.example', 'a trailing dot'],
  ['https://app.example', 'app.example.', 'a trailing dot asked for'],
  ['https://app.example/', 'app.example', 'a slash'],
  ['https://app.example/path', 'app.example', 'a path'],
  ['https://app.example?query', 'app.example', 'a query'],
  ['https://user@app.example', 'app.example', 'user information'],
  ['https://app.example@evil.example', 'app.example', 'the host as user information'],
  ['https://app.example https://app.example', 'app.example', 'two origins'],
  ['null', 'app.example', 'an opaque origin'],
  ['null', 'null', 'an opaque origin at a host of that name'],
  ['file://', 'app.example', 'a file'],
  ['chrome-extension://app.example', 'app.example', 'an extension'],
  ['app.example', 'app.example', 'a bare host'],
  ['://', 'app.example', 'garbage'],
  ['', 'app.example', 'nothing'],
  ['https://app.example', ':::', 'a Host that is garbage']
]

test("'same-host' keeps every other page out", async t => {
  const { status } = await answers(t, {})
  for (const [Origin, Host, why] of OTHER_HOST) t.equal(await status({ Origin, Host }), 403, why)
})

test('a request without an Origin comes from no page and is let in, whatever the option', async t => {
  const policies: Array<SocketOptions['origin']> = ['same-host', true, 'https://app.example', /app/, [], () => false]
  for (const origin of policies) {
    const { status } = await answers(t, { origin })
    t.equal(await status({ Origin: undefined }), 101)
  }
})

test('behind a trusted proxy the host is the one that the proxy forwards', async t => {
  const headers = { Origin: 'https://app.example', Host: 'internal:8080', 'X-Forwarded-Host': 'app.example' }
  const trusting = await answers(t, {}, { trustProxy: true })
  t.equal(await trusting.status(headers), 101)
  t.equal(await trusting.status({ ...headers, Origin: 'http://internal:8080' }), 403)
  const wary = await answers(t, {})
  t.equal(await wary.status(headers), 403)
})

test('true lets every page in', async t => {
  const { status } = await answers(t, { origin: true })
  for (const Origin of ['https://evil.example', 'null', 'garbage', '']) t.equal(await status({ Origin }), 101, Origin)
})

test('a string is the one origin that is let in; that of the host is not, then', async t => {
  const { status } = await answers(t, { origin: 'https://app.example' })
  t.equal(await status({ Origin: 'https://app.example' }), 101)
  for (const Origin of ['http://app.example', 'https://app.example/', 'https://app.example:8443', 'null']) {
    t.equal(await status({ Origin }), 403, Origin)
  }
  t.equal(await status({ Origin: 'http://localhost', Host: 'localhost' }), 403)
})

test('a list lets in what one of its members does', async t => {
  const { status } = await answers(t, { origin: ['https://one.example', /^https:\/\/[a-z]+\.two\.example$/] })
  for (const Origin of ['https://one.example', 'https://a.two.example', 'https://b.two.example']) {
    t.equal(await status({ Origin }), 101, Origin)
  }
  for (const Origin of ['https://two.example', 'https://a.b.two.example', 'http://one.example']) {
    t.equal(await status({ Origin }), 403, Origin)
  }
})

for (const origin of ['https://app.example', 'wss://app.example', ['https://app.example']]) {
  test(`${JSON.stringify(origin)} is that origin as native clients write it, too`, async t => {
    const { status } = await answers(t, { origin })
    for (const Origin of [
      'https://app.example', 'https://app.example:443', 'HTTPS://App.Example', 'wss://app.example', 'WSS://APP.EXAMPLE:443'
    ]) {
      t.equal(await status({ Origin }), 101, Origin)
    }
    for (const Origin of [
      'http://app.example', 'ws://app.example', 'wss://app.example:80', 'wss://app.example.', 'wss://app.example/',
      'wss://user@app.example', 'wss://evil.example', 'https://app.example:0443'
    ]) {
      t.equal(await status({ Origin }), 403, Origin)
    }
  })
}

test('RegExps and functions get the origin as it was sent', async t => {
  const sent: string[] = []
  for (const origin of [/^https:\/\/app\.example$/, (one: string) => sent.push(one) === 0]) {
    const { status } = await answers(t, { origin })
    t.equal(await status({ Origin: 'WSS://app.example:443' }), 403)
  }
  t.same(sent, ['WSS://app.example:443'])
})

test("'null' can be named, alone and in a list, and is then the only one", async t => {
  for (const origin of ['null', ['null'], ['https://app.example', 'null']]) {
    const { status } = await answers(t, { origin })
    t.equal(await status({ Origin: 'null' }), 101)
    for (const Origin of ['Null', 'NULL', 'nul', 'null ,null', 'https://null', 'http://null', '']) {
      t.equal(await status({ Origin, Host: 'null' }), 403, Origin)
    }
  }
})

test('an empty list lets no page in', async t => {
  const { status } = await answers(t, { origin: [] })
  t.equal(await status({ Origin: 'http://localhost' }), 403)
})

for (const flags of ['', 'g', 'y', 'gy']) {
  test(`a RegExp with the flags '${flags}' gives the same answer every time`, async t => {
    const { status } = await answers(t, { origin: new RegExp('^https://app\\.', flags) })
    const found = []
    for (let i = 0; i < 3; i++) {
      for (const Origin of ['https://app.example', 'https://evil.example']) found.push(await status({ Origin }))
    }
    t.same(found, [101, 403, 101, 403, 101, 403])
  })
}

test('a function decides with the origin and the request, at once or later', async t => {
  const decide = (origin: string, request: FastifyRequest) => {
    return origin === 'https://app.example' && request.url === '/room'
  }
  for (const origin of [decide, async (...args: [string, FastifyRequest]) => decide(...args)]) {
    const { status } = await answers(t, { origin })
    t.equal(await status({ Origin: 'https://app.example' }), 101)
    t.equal(await status({ Origin: 'https://evil.example' }), 403)
  }
})

test('a function that throws or rejects ends in the error handler, not in a socket', async t => {
  for (const origin of [() => { throw new Error('no database') }, async () => { throw new Error('no database') }]) {
    const { answer } = await answers(t, { origin })
    const response = await answer({ Origin: 'https://app.example' })
    t.equal(response.status, 500)
    t.match(errorBody(response).message, 'no database')
  }
})

test('a page that is kept out gets a whole 403, and the log names the option', async t => {
  const { app, port } = await answers(t, {})
  const response = await lastResponse(port, handshake('/room', { Origin: 'https://evil.example', Host: 'app.example' }))
  t.match(errorBody(response), {
    statusCode: 403,
    code: 'FST_ERR_WS_ORIGIN',
    error: 'Forbidden',
    message: "the origin 'https://evil.example' is not allowed here"
  })
  t.same(response.headers.connection, ['close'])
  t.match(linesWith((app as any).lines, "the origin is not allowed: see the WebSocket option 'origin'"), [
    { level: 30, origin: 'https://evil.example', host: 'app.example', reqId: String }
  ])
})

test("the origin is looked at after the hooks of the app, which see all, and before the route's own", async t => {
  const app = createApp(t)
  const seen: string[] = []
  app.addHook('onRequest', async request => { seen.push(request.url) })
  app.get('/room', { ws: true, onRequest: async () => { t.fail('a hook of the route was called') } }, () => {})
  const response = await lastResponse(await listen(app), handshake('/room', { Origin: 'https://evil.example' }))
  t.equal(response.status, 403)
  t.same(seen, ['/room'])
})

test('an origin of a scheme that is not of the web can be named', async t => {
  const { status } = await answers(t, { origin: 'chrome-extension://abcdef' })
  t.equal(await status({ Origin: 'chrome-extension://abcdef' }), 101)
  t.equal(await status({ Origin: 'chrome-extension://fedcba' }), 403)
})
