import Fastify, { type FastifyInstance } from 'fastify'
import sockets, { errors, type SingleTopic } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { codeOf } from '../support/serve.ts'
import { until } from '../support/until.ts'
import { errorOf, visitors } from './visitors.ts'

/** An app without the plugin, closed when the test ends. */
function plainApp (t: Test): FastifyInstance {
  const app = Fastify() as unknown as FastifyInstance
  t.teardown(() => app.close())
  return app
}

test('a topic is declared before the plugin is registered, after it, by a plugin or in after(), as routes are', async t => {
  const app = plainApp(t)
  const topics: Array<SingleTopic<any>> = [app.topic('/before')]
  const visit = visitors(app)
  app.register(async child => { topics.push(child.topic('/child')) })
  app.register(sockets)
  topics.push(app.topic('/after'))
  app.after(() => { topics.push(app.topic('/in-after')) })
  await app.ready()
  const { socket, got } = await visit()
  t.equal(topics.length, 4)
  for (const topic of topics) {
    await socket.subscribe(topic)
    await topic.publish(topic.url)
  }
  await until(() => got.length === 4)
  t.same(got.sort(), ['/after', '/before', '/child', '/in-after'])
})

test('every instance has app.topic from birth, and without use nothing comes of it', async t => {
  const app = plainApp(t)
  t.type(app.topic, 'function')
  app.register(async child => { t.type(child.topic, 'function') })
  await app.ready()
})

test('a topic adds no route, for no method, and has nothing to do with the route of the same URL', async t => {
  const app = createApp(t)
  const seen: any[] = []
  app.addHook('onRoute', options => { seen.push([options.url, options.method, (options.schema as any)?.hide]) })
  const topic = app.topic('/rooms/:room')
  app.register(async child => { child.topic('/') }, { prefix: '/child' })
  await app.after()
  t.equal(app.printRoutes(), '(empty tree)')
  t.same(seen, [['/rooms/:room', [], true], ['/child', [], true]], 'hooks see that it is to be hidden')
  const visit = visitors(app, {}, '/rooms/:room')
  app.get('/child', async () => 'http')
  const { socket, got } = await visit()
  await socket.subscribe(topic, { room: 'a' })
  await topic.publish({ room: 'a' }, 'hello')
  await until(() => got.length === 1)
  t.equal((await app.inject('/child')).body, 'http')
})

test('its URL has the prefix of its instance, joined as that of a route is', async t => {
  const app = createApp(t)
  const urls: string[] = []
  const declare = (prefix: string, ...own: string[]): void => {
    app.register(async child => { for (const url of own) urls.push(child.topic(url).url) }, { prefix })
  }
  declare('/a', '/', '/b')
  declare('/c/', '/', '/d')
  declare('/', '/e')
  app.register(async child => { child.register(async inner => { urls.push(inner.topic('/:f').url) }, { prefix: '/g' }) }, { prefix: '/h' })
  urls.push(app.topic('/').url)
  await app.ready()
  t.same(urls.sort(), ['/', '/a', '/a/b', '/c', '/c/d', '/e', '/h/g/:f'])
})

test('parameters of the prefix are parameters of the topic', async t => {
  const app = createApp(t)
  const visit = visitors(app)
  let topic: any
  app.register(async child => { topic = child.topic('/news') }, { prefix: '/:tenant' })
  const { socket } = await visit()
  await socket.subscribe(topic, { tenant: 'a' })
  await socket.subscribe(topic, { tenant: 'b' })
  t.same(socket.subscriptions, ['/a/news', '/b/news'])
})

test('a prefix whose parameters are no whole segments is refused: their values would be left out of the name', async t => {
  for (const prefix of ['/:a-:b', '/:id(\\d+)', '/files/*']) {
    const app = createApp(t)
    let code
    app.register(async child => { code = await codeOf(() => child.topic('/news')) }, { prefix })
    await app.ready()
    t.equal(code, 'FST_ERR_WS_TOPIC_URL', prefix)
  }
})

test('two registrations with one URL are two topics, for publishers and for figures', async t => {
  const app = plainApp(t)
  const sides: any[] = []
  for (const prefix of ['/a', '/b']) {
    app.register(async child => {
      child.register(sockets)
      await child.after()
      const side: any = { child, visit: visitors(child, {}, '/', prefix) }
      sides.push(side)
      // Without a prefix of their own, the topics of both have the same URL.
      child.register(async inner => { side.inner = inner }, { prefix: '/in' })
    }, { prefix })
  }
  await app.register(async child => {
    child.register(sockets)
    sides.push({ child, visit: visitors(child, {}, '/c'), topic: child.topic('/news') })
  })
  await app.register(async child => {
    child.register(sockets)
    sides.push({ child, visit: visitors(child, {}, '/d'), topic: child.topic('/news') })
  })
  await app.ready()
  const [c, d] = sides.slice(-2)
  const inC = await c.visit()
  const inD = await d.visit()
  await inC.socket.subscribe(c.topic)
  await inD.socket.subscribe(d.topic)
  await inC.socket.subscribe('talk')
  await inD.socket.subscribe('talk')
  await c.topic.publish('of c')
  await d.topic.publish('of d')
  await c.child.sockets.publish('talk', 'talk of c')
  await d.child.sockets.publish('talk', 'talk of d')
  await until(() => inC.got.length === 2 && inD.got.length === 2)
  t.same([inC.got, inD.got], [['of c', 'talk of c'], ['of d', 'talk of d']])
  t.match(c.child.sockets.stats().topics, { '/news': { published: 1, subscriptions: 1 }, '': { published: 1, subscriptions: 1 } })
})

test('one socket may be subscribed to both, and is left out of one of them only', async t => {
  const app = plainApp(t)
  const topics: Array<SingleTopic<any>> = []
  let visit!: ReturnType<typeof visitors>
  for (const url of ['/a', '/b']) {
    app.register(async child => {
      child.register(sockets)
      topics.push(child.topic('/news'))
      visit = visitors(child, {}, url)
    })
  }
  await app.ready()
  const { socket, got } = await visit()
  const [a, b] = topics as [SingleTopic<any>, SingleTopic<any>]
  await socket.subscribe(a, { as: 'me' })
  await socket.subscribe(b)
  t.same(socket.subscriptions, ['/news', '/news'])
  await a.publish('of a')
  await b.publish('of b')
  await a.publish('not for me', { except: socket })
  await b.publish('nor this', { except: socket })
  await b.publish('for me', { except: 'me' })
  await until(() => got.length === 3)
  t.same(got, ['of a', 'of b', 'for me'], 'in the order in which they were published')
  t.ok(socket.unsubscribe(a))
  t.notOk(socket.unsubscribe(a))
  await a.publish('late')
  await b.publish('still')
  await until(() => got.length === 4)
  t.equal(got[3], 'still')
})

test('a registration within a registration has topics of its own, and may have the same ones', async t => {
  const app = createApp(t)
  const visit = visitors(app)
  const outer = app.topic('/news')
  let inner!: SingleTopic<any>
  let visitInner!: ReturnType<typeof visitors>
  let inherited!: SingleTopic<any>
  app.register(async child => {
    child.register(sockets)
    inner = child.topic('/news')
    visitInner = visitors(child, {}, '/inner')
  })
  app.register(async child => { inherited = child.topic('/other') })
  const outside = await visit()
  const inside = await visitInner()
  await outside.socket.subscribe(outer)
  await outside.socket.subscribe(inherited)
  await inside.socket.subscribe(inner)
  await inner.publish('inner')
  await outer.publish('outer')
  await inherited.publish('inherited')
  await until(() => outside.got.length === 2 && inside.got.length === 1)
  t.same([outside.got, inside.got], [['outer', 'inherited'], ['inner']])
})

test('without a registration in its scope the app does not boot, and the error names the topic', async t => {
  const app = plainApp(t)
  app.register(async child => { child.register(sockets) })
  app.register(async child => { child.topic('/rooms/:room') }, { prefix: '/a' })
  const error = await errorOf(() => app.ready())
  t.ok(error instanceof errors.FST_ERR_WS_NOT_REGISTERED)
  t.match(error.message, /^the topic '\/a\/rooms\/:room' is declared, but fastify-sockets is not registered in its scope/)
})

test('once the app is ready, or listens, nothing more is declared', async t => {
  const app = createApp(t)
  let inReady
  app.addHook('onReady', async () => { inReady = await codeOf(() => app.topic('/ready')) })
  await app.ready()
  t.match(inReady, /^(?:FST_ERR_INSTANCE_ALREADY_LISTENING|AVV_ERR_ROOT_PLG_BOOTED)$/, 'nor while it gets ready')
  t.equal(await codeOf(() => app.topic('/late')), 'FST_ERR_INSTANCE_ALREADY_LISTENING')
  await listen(app)
  t.equal(await codeOf(() => app.topic('/later')), 'FST_ERR_INSTANCE_ALREADY_LISTENING')
  t.strictSame(Object.keys(app.sockets.stats().topics), [''])
})

test("an app's own decorator called topic is left alone, in its scope, before and after the plugin", async t => {
  const app = plainApp(t)
  app.register(async child => {
    child.decorate('topic', 'mine' as never)
    child.register(sockets)
    child.register(async inner => { t.equal(inner.topic, 'mine') })
  })
  app.register(async child => {
    await child.register(sockets)
    child.decorate('topic', 'mine too' as never)
    t.equal(child.topic, 'mine too')
  })
  app.register(async child => {
    child.register(sockets)
    t.equal(child.topic('/news').url, '/news')
  })
  await app.ready()
})

test('a topic shows its URL, and nothing else', async t => {
  const { inspect } = await import('node:util')
  const app = createApp(t)
  const topic = app.topic('/rooms/:room')
  t.equal(inspect({ topic }), '{ topic: Topic /rooms/:room }')
  t.equal(topic.url, '/rooms/:room')
  t.strictSame(Object.keys(topic), [])
  t.throws(() => { (topic as any).url = '/other' }, TypeError)
})

test('what only looks like a topic is none', async t => {
  const app = createApp(t)
  const visit = visitors(app)
  const topic = app.topic('/news')
  const { socket } = await visit()
  for (const forged of [{ url: '/news' }, Object.create(topic), new Proxy(topic, {}), () => {}, Symbol('news'), 5, null, undefined]) {
    t.equal(await codeOf(() => socket.subscribe(forged as any)), 'FST_ERR_WS_TOPIC_NAME')
    t.equal(await codeOf(() => socket.unsubscribe(forged as any)), 'FST_ERR_WS_TOPIC_NAME')
  }
})
