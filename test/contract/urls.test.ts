import { assert, asyncProperty, oneof, record, string, stringMatching } from 'fast-check'
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
  ['/a/:b?', { b: 0 }, '/a/0'],
  ['/a/:b?', { b: false }, '/a/false'],
  ['/a/:b?c=1', { b: 'd' }, '/a/d?c=1'],
  ['/a/:b?/c', { b: 'd' }, '/a/d?/c'],
  ['/a/:b?/', { b: 'd' }, '/a/d/'],
  ['/a/:b?/', {}, '/a/'],
  ['/:größe', { größe: 'L' }, '/L'],
  ['/:a-:b', { a: '-5', b: '16' }, '/-5-16'],
  ['/v-:b', { b: '-' }, '/v--'],
  ['/:a-/:b', { a: 'x', b: '-' }, '/x-/-'],
  ['/:a-:b(^-?\\d+)', { a: '5', b: '-16' }, '/5--16'],
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
  ['/*', { '*': '..' }], ['/*', { '*': 'a/../b' }], ['/*', { '*': './a' }], ['/*', { '*': '\uDC00' }], ['/:a', { a: Symbol('a') }], ['/:a', { a: {} }], ['/:a', { a: Object.create(null) }],
  ['/*', { '*': [] }], ['/:a', { a: () => 'a' }], ['/:constructor', {}], ['/:toString', {}],
  // The router would find other values.
  ['/:a-:b', { a: '5', b: '-16' }], ['/:a-:b?', { a: 'x', b: '1-2' }], ['/:a--:b', { a: 'x', b: 'y--z' }], ['/:a-x:b', { a: '1', b: '2-x3' }],
  ['/:c-:a-:b', { c: '1', a: '2', b: '3-4' }], ['/:a.:b', { a: 'x', b: 'tar.gz' }], ['/c/:b-:a.png', { b: 'x', a: '-' }]
] as const) {
  test(`${url} cannot carry ${JSON.stringify(params)}`, async t => {
    t.throws(() => fillUrl(url, params as Record<string, unknown>), { code: 'FST_ERR_WS_CLIENT_PARAM', message: /[a*]/ })
  })
}

for (const [url, params] of [
  ['/:a/:b', { a: 'x/y', b: ':z' }], ['/:lat-:lng', { lat: '48.2', lng: '16.4' }], ['/:file.:type', { file: 'a', type: 'png' }],
  ['/:file(^\\d+).png', { file: '7' }], ['/at/:hour(^\\d{2})h:minute(^\\d{2})m', { hour: '07', minute: '30' }],
  ['/:lat-:lng', { lat: '-48.2', lng: '16.4' }], ['/:file.:type', { file: 'a.tar', type: 'gz' }],
  ['/:lat-:lng(^-?[0-9.]+)', { lat: '48', lng: '-16.4' }], ['/v-:id', { id: 'a-b' }], ['/:file.json/:id', { file: 'a', id: 'b.json' }],
  ['/:größe', { größe: 'L' }], ['/:id?', { id: '0' }], ['/::a/:::b', { b: 'c' }],
  ['/:id(^(a|(?:b|c))$)/d', { id: 'c' }], ['/a::b/:c', { c: 'd' }], ['/a/:b?', { b: 'c' }], ['/a/:b?', {}], ['/a/:b?/', { b: 'c' }], ['/a/:b?/', {}], ['/:a--:b', { a: 'x-y', b: 'z-1' }], ['/:a-x:b', { a: '1', b: '-2' }], ['/a/*', { '*': 'b c/d' }],
  ['/:a/*', { a: 'x/y', '*': '' }]
] as Array<[url: string, params: Record<string, string>]>) {
  test(`the router finds ${JSON.stringify(params)} again by ${url}`, async t => {
    const app = Fastify()
    t.teardown(() => app.close())
    app.get(url, async request => request.params)
    t.same((await app.inject(fillUrl(url, params))).json(), params)
  })
}

/** Values as they may come, and often such as a router has its own thoughts about. A route with two in a segment has no line ends. */
const value = oneof(
  string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter(text => !/[\n\r\u2028\u2029]/.test(text)),
  stringMatching(/^[-.a:%/\\?# ]{1,6}$/)
)

for (const [url, ...names] of [['/x/:a/:b', 'a', 'b'], ['/y/:a-:b', 'a', 'b'], ['/z/:a.:b/c', 'a', 'b'], ['/u/:a-:b.:c', 'a', 'b', 'c'], ['/v/:a/*', 'a', '*'], ['/w-:a', 'a'], ['/t/:a.b-/:c?', 'a', 'c']] as const) {
  test(`whatever the values for ${url} are, the router finds them again, or they are refused`, async t => {
    const app = Fastify({ routerOptions: { maxParamLength: 1000 } })
    t.teardown(() => app.close())
    app.get(url, async request => request.params)
    let found = 0
    await assert(asyncProperty(record(Object.fromEntries(names.map(name => [name, value]))), async params => {
      let filled: string
      try {
        filled = fillUrl(url, params)
      } catch (error) {
        t.equal((error as { code?: string }).code, 'FST_ERR_WS_CLIENT_PARAM')
        const values = Object.values(params).join('/')
        return /(^|\/)\.\.?(\/|$)|\p{Surrogate}/u.test(values) || /[-.]/.test(`${params.b}${params.c}`)
      }
      // As a client's URL does, which takes dots for ways up.
      const { pathname } = new URL(filled, 'ws://localhost')
      t.strictSame((await app.inject(pathname)).json(), { ...params }, filled)
      found++
      return true
    }), { numRuns: 200 })
    t.ok(found > 20, `${found} found`)
  })
}

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
