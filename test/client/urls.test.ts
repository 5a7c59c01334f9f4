import { test } from 'tap'
import { clientOver } from '../../lib/client/client.ts'
import { BUILDS, connect } from './builds.ts'
import { stage } from './fake-line.ts'
import { serve } from './serve.ts'
import { until } from '../support/until.ts'

/** Where a client of this base goes to for `/a`. */
async function targetOf (base: any): Promise<string> {
  let found: string | undefined
  const client = clientOver(({ url }) => {
    found = url
    return { protocol: '', bufferedAmount: 0, send: () => true, close () {}, drop () {} }
  }, base)
  const socket = client.connect('/a')
  await until(() => found !== undefined)
  await socket.close()
  return found!
}

for (const [base, target] of [
  ['ws://host', 'ws://host/a'],
  ['wss://host', 'wss://host/a'],
  ['http://host', 'ws://host/a'],
  ['https://host', 'wss://host/a'],
  ['https://host:8443', 'wss://host:8443/a'],
  ['https://host:443/', 'wss://host/a'],
  ['https://host/api', 'wss://host/api/a'],
  ['https://host/api/', 'wss://host/api/a'],
  ['https://host/api/v1/?query#hash', 'wss://host/api/v1/a'],
  ['HTTPS://Host/', 'wss://host/a'],
  ['http://[::1]:80', 'ws://[::1]/a'],
  ['https://bücher.example', 'wss://xn--bcher-kva.example/a'],
  [new URL('https://host/api/'), 'wss://host/api/a']
] as const) {
  test(`the base ${base}`, async t => {
    t.equal(await targetOf(base), target)
  })
}

for (const base of ['', 'host', 'host:80', '/api', '//host', 'ftp://host', 'file:///a', 'javascript:alert(1)', 'http://', undefined, null, 5]) {
  test(`the base ${JSON.stringify(base)} is none, where there is no page`, async t => {
    t.throws(() => clientOver(() => t.fail('dialed') as never, base as string), { code: 'FST_ERR_WS_CLIENT_BASE', message: /address/ })
  })
}

for (const [base, target] of [
  ['/', 'wss://page.test/a'],
  ['', 'wss://page.test/app/index.html/a'],
  ['/api', 'wss://page.test/api/a'],
  ['//other.test', 'wss://other.test/a'],
  ['http://other.test/', 'ws://other.test/a']
] as const) {
  test(`in a page the base '${base}' is relative to it`, async t => {
    t.intercept(globalThis, 'location' as any, { value: { href: 'https://page.test/app/index.html?query#hash' } })
    t.equal(await targetOf(base), target)
  })
}

for (const build of BUILDS) {
  test(`${build.name}: params and query arrive as they were given`, async t => {
    const requests: any[] = []
    const { app, url } = await serve(t, () => {}, {
      path: '/rooms/:room/*', onRequest: async ({ params, query, raw }: any) => { requests.push({ params, query, url: raw.url }) }
    })
    t.ok(app)
    const room = 'a/b?c=d#e %25 ä😀'
    const query = { text: 'a&b=c+d e#ä😀', number: 5, no: false, list: ['x', 'y'] }
    const socket = connect(t, build, url, { route: '/rooms/:room/*', params: { room, '*': 'deep/er' }, query })
    await socket.opened
    t.match(requests.at(-1), { params: { room, '*': 'deep/er' }, query: { text: query.text, number: '5', no: 'false', list: ['x', 'y'] } })
  })

  test(`${build.name}: a URL may have a query of its own`, async t => {
    const { url } = await serve(t, (socket, request) => { socket.send(request.query) })
    const socket = connect(t, build, `${url}/?own=1`, { query: { other: 2 } })
    const messages = socket[Symbol.asyncIterator]()
    t.strictSame((await messages.next()).value, { own: '1', other: '2' })
  })

  test(`${build.name}: a wrong subprotocol is a mistake, and final`, async t => {
    const { url } = await serve(t)
    const socket = connect(t, build, url, { protocols: ['not a token'] })
    const { error, code } = await socket.closed
    t.equal(code, 1006)
    t.match((error as any)?.code, /^FST_ERR_WS_CLIENT_/)
  })
}

test('a param that is missing is a mistake of the program, told as an error, and final', async t => {
  const { socket, lines, errors } = stage(t, { route: '/rooms/:room', params: {} })
  const { error } = await socket.closed
  t.match(error, { code: 'FST_ERR_WS_CLIENT_PARAM' })
  t.match(errors, [{ code: 'FST_ERR_WS_CLIENT_PARAM' }])
  t.equal(lines.length, 0)
})

for (const [what, value] of [
  ['a symbol', Symbol('a')], ['an object that has no text', Object.create(null)], ['a toString that throws', { toString () { throw new Error('mine') } }],
  ['a toJSON that throws', { toJSON () { throw new Error('mine') } }], ['a list with a symbol', [1, Symbol('a')]]
] as const) {
  for (const part of ['params', 'query']) {
    test(`${what} in ${part} is a mistake of the program, and final`, async t => {
      const { socket, lines, errors } = stage(t, { route: '/:a', params: { a: 1 }, [part]: { a: value } })
      t.match((await socket.closed).error, { code: 'FST_ERR_WS_CLIENT_PARAM', message: /\ba\b/ })
      t.match(errors, [{ code: 'FST_ERR_WS_CLIENT_PARAM' }])
      t.equal(lines.length, 0)
    })
  }
}

test('without params and query, a URL is as it stands', async t => {
  const { line } = stage(t, { route: '/a%20b/c' })
  t.equal((await line(0)).target.url, 'ws://server.test/a%20b/c')
})

for (const [route, value, path] of [
  ['rooms/x', undefined, '/rooms/x'],
  ['*', '.evil.test/x', '/.evil.test/x'],
  ['*', ':81/x', '/%3A81/x'],
  ['*', '@evil.test/x', '/%40evil.test/x'],
  ['*', '/rooms/x', '/rooms/x'],
  ['*', '//evil.test/x', '//evil.test/x'],
  ['', undefined, '/'],
  ['?a=1', undefined, '/?a=1'],
  ['@evil.test', undefined, '/@evil.test'],
  ['\\evil.test', undefined, '//evil.test'],
  ['\t/evil.test', undefined, '//evil.test']
] as const) {
  test(`the URL ${JSON.stringify(route)} with ${value} stays on its server`, async t => {
    const { line } = stage(t, { route, params: value && { '*': value } })
    const { host, pathname, search } = new URL((await line(0)).target.url)
    t.equal(host, 'server.test')
    t.equal(pathname + search, path)
  })
}

test('a function may return nothing', async t => {
  const { line } = stage(t, { params: () => {}, query: () => {}, protocols: () => {}, headers: () => {} } as any)
  t.match((await line(0)).target, { url: 'ws://server.test/', protocols: [], headers: {} })
})
