import { assert, asyncProperty, record, string } from 'fast-check'
import Fastify from 'fastify'
import { test } from 'tap'
import { CloseCode, defineSocket } from 'fastify-sockets/contract'
import { withQuery } from '../../lib/contract/query.ts'
import { fillUrl } from '../../lib/contract/url.ts'

test('a contract is what a route is declared with', async t => {
  const schema = { message: { type: 'object' } }
  t.strictSame(defineSocket('/rooms/:room', schema), { method: 'GET', url: '/rooms/:room', ws: true, schema })
  t.equal(CloseCode.NORMAL, 1000)
})

for (const [url, params, filled] of [
  ['/', {}, '/'],
  ['/a', { b: 1 }, '/a'],
  ['/:a', { a: 'b' }, '/b'],
  ['/:a/:b', { a: 1, b: true }, '/1/true'],
  ['/:a-:b', { a: 'x', b: 'y' }, '/x-y'],
  ['/:file.png', { file: 'a' }, '/a.png'],
  ['/:id(^\\d+)', { id: 7 }, '/7'],
  ['/:id(^(a|b)+$)/c', { id: 'a' }, '/a/c'],
  ['/:id(^(a|(?:b|c))$)/d', { id: 'c' }, '/c/d'],
  ['/a/:b?', {}, '/a'],
  ['/a/:b?', { b: '' }, '/a'],
  ['/a/:b?', { b: 'c' }, '/a/c'],
  ['/a/*', {}, '/a/'],
  ['/a/*', { '*': 'b/c d' }, '/a/b/c%20d'],
  ['/a/*', { '*': 'b/..c/.d/e..' }, '/a/b/..c/.d/e..'],
  ['/a::b', {}, '/a:b'],
  ['/:a', { a: '/?#%ä&' }, '/%2F%3F%23%25%C3%A4%26'],
  ['/:a', { a: '...' }, '/...'],
  ['/:a', { a: 'a/..' }, '/a%2F..']
] as const) {
  test(`${url} with ${JSON.stringify(params)}`, async t => {
    t.equal(fillUrl(url, params), filled)
  })
}

for (const [url, params] of [
  ['/:a', {}], ['/:a', { a: '' }], ['/:a', { a: null }], ['/:a', { a: '.' }], ['/:a', { a: '..' }], ['/:a', { a: '\uD800' }],
  ['/*', { '*': '..' }], ['/*', { '*': 'a/../b' }], ['/*', { '*': './a' }], ['/*', { '*': '\uDC00' }], ['/:a', { a: Symbol('a') }]
] as const) {
  test(`${url} cannot carry ${JSON.stringify(params)}`, async t => {
    t.throws(() => fillUrl(url, params as Record<string, unknown>), { code: 'FST_ERR_WS_CLIENT_PARAM', message: /[a*]/ })
  })
}

for (const [url, params] of [
  ['/:a/:b', { a: 'x/y', b: ':z' }], ['/:lat-:lng', { lat: '48.2', lng: '16.4' }], ['/:file.:type', { file: 'a', type: 'png' }],
  ['/:file(^\\d+).png', { file: '7' }], ['/at/:hour(^\\d{2})h:minute(^\\d{2})m', { hour: '07', minute: '30' }],
  ['/:id(^(a|(?:b|c))$)/d', { id: 'c' }], ['/a::b/:c', { c: 'd' }], ['/a/:b?', { b: 'c' }], ['/a/:b?', {}], ['/a/*', { '*': 'b c/d' }],
  ['/:a/*', { a: 'x/y', '*': '' }]
] as Array<[url: string, params: Record<string, string>]>) {
  test(`the router finds ${JSON.stringify(params)} again by ${url}`, async t => {
    const app = Fastify()
    t.teardown(() => app.close())
    app.get(url, async request => request.params)
    t.same((await app.inject(fillUrl(url, params))).json(), params)
  })
}

test('whatever the values are, the router finds them again, or they are refused', async t => {
  const app = Fastify({ routerOptions: { maxParamLength: 1000 } })
  t.teardown(() => app.close())
  app.get('/x/:a/:b', request => request.params)
  await assert(asyncProperty(record({ a: string({ unit: 'binary', minLength: 1, maxLength: 20 }), b: string({ unit: 'binary', minLength: 1, maxLength: 20 }) }), async params => {
    let url: string
    try {
      url = fillUrl('/x/:a/:b', params)
    } catch {
      return Object.values(params).some(value => /^\.\.?$/.test(value) || /\p{Surrogate}/u.test(value))
    }
    // As a client's URL does, which takes dots for ways up.
    const { pathname } = new URL(url, 'ws://localhost')
    const response = await app.inject(pathname)
    t.strictSame(response.json(), { ...params }, url)
    return true
  }), { numRuns: 200 })
})

for (const [url, values, filled] of [
  ['/a', {}, '/a'],
  ['/a', { b: undefined, c: null }, '/a'],
  ['/a', { b: 1, c: false, d: '' }, '/a?b=1&c=false&d='],
  ['/a', { b: [1, 2, undefined] }, '/a?b=1&b=2'],
  ['/a', { b: 'ä &=+' }, '/a?b=%C3%A4+%26%3D%2B'],
  ['/a', { b: new Date(0) }, '/a?b=1970-01-01T00%3A00%3A00.000Z'],
  ['/a?b=1', { c: 2 }, '/a?b=1&c=2']
] as const) {
  test(`${url} with the query ${JSON.stringify(values)}`, async t => {
    t.equal(withQuery(url, values), filled)
  })
}
