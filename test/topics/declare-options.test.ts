import { test, type Test } from 'tap'
import { createApp } from '../support/app.ts'
import { errorOf } from './visitors.ts'

/** The error of a declaration that throws at once. */
async function refused (t: Test, url: unknown, options?: unknown): Promise<any> {
  return errorOf(() => createApp(t).topic(url as any, options as any))
}

test('what is no URL of a topic is refused where it is declared, and named', async t => {
  const wrong = [
    '', 'news', 'news/', '/news/', '//', '/a//b', '/a/', '/*', '/a/*', '/a/:', '/a/:b?', '/a/:b-:c', '/a/:b.txt', '/a/x:b', '/a/:b(\\d+)',
    '/:a/:a', '/a/::b', '/a?b', '/(a)', 'https://example.com/a', 5, null, undefined, {}, ['/a']
  ]
  for (const url of wrong) {
    const error = await refused(t, url)
    t.equal(error.code, 'FST_ERR_WS_TOPIC_URL', String(url))
    t.match(error.message, typeof url === 'string' ? `'${url}' is not the URL of a topic` : /is not the URL of a topic/)
  }
})

test('other characters may stand in it, and each parameter has a segment', async t => {
  const app = createApp(t)
  const urls = ['/', '/a', '/a.b/c-d_e~f', '/ä/日本', '/a b', '/50%', '/v1/:a/:b_2/c', '/:constructor', '/x/@me', "/it's", '/a#b']
  for (const url of urls) t.equal(app.topic(url).url, url)
  t.equal(await errorOf(() => app.ready()).then(error => error.code), 'FST_ERR_WS_TOPIC_TWICE', "'/a' could be a '/:constructor'")
})

const WRONG: Array<[name: string, values: unknown[], expected: RegExp]> = [
  ['schema', [null, [], 'x', 5, true], /must be \{ params, message \}/],
  ['history', [null, true, [], 5, {}, { size: 5 }, { ttl: 5 }], /must be \{ size, ttl, position \}/],
  ['history.size', [0, -1, 1.5, '5', NaN, Infinity, null], /must be a whole number, at least 1/],
  ['history.ttl', [0, -1, 1.5, '5', NaN, Infinity, 2 ** 31], /must be a whole number of milliseconds from 1 to/],
  ['history.position', ['', 5, null, true], /must be the name of a property/],
  ['presence', [false, null, 'x', [], 5], /must be true, a function, or \{ info, grace, announce \}/],
  ['presence.info', [null, true, 'x'], /must be a function/],
  ['presence.grace', [-1, 1.5, '5', null, 2 ** 31], /must be a whole number of milliseconds from 0 to/],
  ['presence.announce', [null, true, 'x'], /must be a function/],
  ['overflow', ['', 'Drop', null, true, {}], /must be 'close' or 'drop' or 'latest' or 'catch-up'/]
]

for (const [name, values, expected] of WRONG) {
  test(`a wrong '${name}' is refused, and named`, async t => {
    const [option, inner] = name.split('.') as [string, string?]
    for (const value of values) {
      const others = option === 'history' ? { size: 5, ttl: 1000 } : {}
      const error = await refused(t, '/a', { [option]: inner === undefined ? value : { ...others, [inner]: value } })
      t.equal(error.code, 'FST_ERR_WS_OPTION', JSON.stringify(value))
      t.match(error.message, `the WebSocket option '${name}' `)
      t.match(error.message, expected)
    }
  })
}

test('options that do not exist are refused, and those that do are listed', async t => {
  const history = { size: 1, ttl: 1 }
  const rows: Array<[options: object, said: RegExp]> = [
    [{ histroy: history }, /^'histroy' is not a WebSocket option; the options are: schema, history, presence, overflow$/],
    [{ schema: { messages: {} } }, /^'schema\.messages' is not .*: params, message$/],
    [{ history: { ...history, maxSize: 1 } }, /^'history\.maxSize' is not .*: size, ttl, position$/],
    [{ presence: { graceful: 1 } }, /^'presence\.graceful' is not .*: info, grace, announce$/]
  ]
  for (const [options, said] of rows) {
    const error = await refused(t, '/a', options)
    t.equal(error.code, 'FST_ERR_WS_UNKNOWN_OPTION')
    t.match(error.message, said)
  }
})

test('options that are no object are refused', async t => {
  for (const options of [null, [], 'x', 5, true, () => {}]) {
    t.match(await refused(t, '/a', options), { code: 'FST_ERR_WS_OPTION', message: "the WebSocket option 'topic' must be an object of options" })
  }
})

test('every right value is taken, and undefined counts as absent', async t => {
  const app = createApp(t)
  const message = { type: 'object', properties: { at: { type: 'string' } } }
  const right: object[] = [
    {},
    { schema: undefined, history: undefined, presence: undefined, overflow: undefined },
    { schema: {} },
    { schema: { message } },
    { history: { size: 1, ttl: 1 } },
    { history: { size: Number.MAX_SAFE_INTEGER, ttl: 2 ** 31 - 1, position: undefined } },
    { schema: { message }, history: { size: 1, ttl: 1, position: 'at' } },
    { presence: true },
    { presence: () => ({}) },
    { presence: {} },
    { presence: { info: () => ({}), grace: 0, announce: () => ({}) } },
    { overflow: 'close' },
    { overflow: 'drop' },
    { overflow: 'latest' },
    { overflow: 'catch-up', history: { size: 1, ttl: 1 } }
  ]
  right.forEach((options, i) => { t.equal(app.topic(`/${i}` as string, options).url, `/${i}`) })
  await app.ready()
})

test("'catch-up' needs a history to read", async t => {
  t.match(await refused(t, '/a', { overflow: 'catch-up' }), {
    code: 'FST_ERR_WS_OPTION', message: "the WebSocket option 'overflow' must be another one than 'catch-up' for a topic without 'history'"
  })
})

test('schema.params needs parameters in the URL, or in the prefix', async t => {
  const params = { type: 'object', properties: { a: { type: 'string' } } }
  t.match(await refused(t, '/a', { schema: { params } }), {
    code: 'FST_ERR_WS_OPTION', message: "the WebSocket option 'schema.params' must be absent: the URL has no parameters"
  })
  const app = createApp(t)
  app.register(async child => { t.equal(child.topic('/b', { schema: { params } }).url, '/:a/b') }, { prefix: '/:a' })
  await app.ready()
})

test('what was refused is not declared', async t => {
  const app = createApp(t)
  for (const options of [{ overflow: 'catch-up' }, { nothing: 1 }, null]) await errorOf(() => app.topic('/a', options as any))
  await errorOf(() => app.topic('news' as any))
  app.topic('/a')
  await app.ready()
  t.strictSame(Object.keys(app.sockets.stats().topics), ['', '/a'])
})

test('two topics of one scope that could have the same name fail the boot, which names both', async t => {
  const rows: Array<[string, string, boolean]> = [
    ['/a', '/a', true],
    ['/:a', '/:b', true],
    ['/rooms/:room', '/rooms/lobby', true],
    ['/rooms/lobby', '/rooms/:room', true],
    ['/:a/b', '/a/:b', true],
    ['/', '/', true],
    ['/:a', '/', false],
    ['/a', '/b', false],
    ['/a', '/A', false],
    ['/a', '/a/b', false],
    ['/:a', '/:a/b', false],
    ['/:a/b', '/:a/c', false],
    ['/a/:b/c', '/a/:b/d', false]
  ]
  for (const [first, second, isTwice] of rows) {
    const app = createApp(t)
    app.topic(first)
    app.register(async child => { child.topic(second) })
    const error = await errorOf(() => app.ready())
    if (!isTwice) {
      t.equal(error.message, 'nothing went wrong', `${first} ${second}`)
      continue
    }
    t.equal(error.code, 'FST_ERR_WS_TOPIC_TWICE', `${first} ${second}`)
    t.match(error.message, `the topics '${second}' and '${first}' are declared in one scope`)
  }
})
