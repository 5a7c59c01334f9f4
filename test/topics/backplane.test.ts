import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import Fastify from 'fastify'
import sockets from 'fastify-sockets'
import { test } from 'tap'
import { fakeBackplane, type FakeDriver } from '../backplane/fake-driver.ts'
import { closeBody } from '../support/frames.ts'
import { turns } from '../support/late-engine.ts'
import { CLOSE } from '../support/opcodes.ts'
import { until } from '../support/until.ts'
import { nodes, positioned } from './backplane-stage.ts'
import { numbers, text, texts, textsSoFar } from './stage.ts'

/*
 * Two processes on one backplane, through the front door.
 */

test('what one process publishes, the sockets of all get, in the same order', async t => {
  const { here, there } = await nodes(t, app => app.topic('/t', { history: { size: 100, ttl: 60_000 } }))
  const ends = [await here.open(), await there.open()]
  for (const [i, { socket }] of ends.entries()) await socket.subscribe([here, there][i]!.topics)
  const published = []
  for (const message of numbers(50)) published.push(here.topics.publish(`a${message}`), there.topics.publish(`b${message}`))
  await Promise.all(published)
  const [first, second] = await Promise.all(ends.map(({ client }) => texts(client, 100)))
  t.strictSame(first, second)
  for (const by of ['a', 'b']) t.strictSame(first!.filter(one => one.startsWith(by)), numbers(50).map(message => by + message))
  t.equal((await there.topics.history()).length, 100)
})

test('what is published before subscribe() has resolved on another process, and after', async t => {
  const { here, there } = await nodes(t)
  const { socket, client } = await here.open()
  for (let i = 0; i < 20; i++) {
    await socket.subscribe(`topic ${i}`)
    await there.app.sockets.publish(`topic ${i}`, `m${i}`)
    t.equal(await text(client), `m${i}`)
    socket.unsubscribe(`topic ${i}`)
  }
})

test('text, bytes, JSON and prepared messages arrive in other processes as they were published', async t => {
  const { here, there } = await nodes(t, app => ({
    plain: app.topic('/plain'), kept: app.topic('/kept', { history: { size: 10, ttl: 60_000 } })
  }))
  const large = 'ü'.repeat(70_000)
  const bytes = Uint8Array.from([0, 1, 255])
  for (const topic of ['plain', 'kept'] as const) {
    for (const url of ['/', '/values']) {
      const ends = [await here.open(url), await there.open(url)]
      for (const [i, { socket }] of ends.entries()) await socket.subscribe([here, there][i]!.topics[topic])
      const prepare = (value: any): unknown => here.app.sockets.prepare(value)
      const messages: any[] = url === '/'
        ? ['hi', '', large, '"quoted"', bytes, bytes.buffer, new DataView(bytes.buffer, 1), prepare('prepared'), prepare(bytes)]
        : ['hi', { a: [1, null, 'ü'] }, 7, null, true, [], new Date(0), { at: new Date(0) }, prepare({ b: 1 })]
      for (const [i, message] of messages.entries()) {
        await here.topics[topic].publish(message)
        const [own, other] = [await ends[0]!.client.frame(), await ends[1]!.client.frame()]
        t.equal(other.opcode, own.opcode)
        t.ok(own.payload.equals(other.payload), `${topic} ${url} ${i}`)
      }
      for (const { client } of ends) client.destroy()
    }
  }
})

test('what the schema of a topic has made JSON is the same in other processes', async t => {
  const message = { type: 'object', properties: { a: { type: 'integer' }, ü: { type: 'string' } } }
  const { here, there } = await nodes(t, app => app.topic('/t', { schema: { message } } as object) as any)
  const { socket, client } = await there.open()
  const values = await there.open('/values')
  for (const one of [socket, values.socket]) await one.subscribe(there.topics, { as: 'ünal' })
  await here.topics.publish({ a: '1', ü: 'ä', more: true })
  await here.topics.publish({ a: 2 }, { except: 'ünal' })
  await here.topics.publish({ a: 3 })
  for (const one of [client, values.client]) t.strictSame(await texts(one, 2), ['{"a":1,"ü":"ä"}', '{"a":3}'])
})

test('what is neither JSON, text nor bytes cannot be published to other processes', async t => {
  const { here, there } = await nodes(t, app => app.topic('/t'))
  const { socket, client } = await there.open('/values')
  await socket.subscribe(there.topics)
  const code = { code: 'FST_ERR_WS_INVALID_PUBLISH', message: /must be JSON, text or bytes/ }
  for (const message of [undefined, () => {}, Symbol('x')]) {
    await t.rejects(here.topics.publish(message as any), code)
    await t.rejects(here.app.sockets.publish('name', message as any), code)
    await t.rejects(here.app.sockets.broadcast(message as any), code)
    await t.rejects(here.app.sockets.user('u').send(message as any), code)
  }
  await t.rejects(here.topics.publish(1n as any), TypeError)
  await t.rejects(here.topics.publish({ toJSON () { throw new Error('mine') } } as any), { message: 'mine' })
  await here.topics.publish('end')
  t.equal(await text(client), '"end"')
})

test('the position stands in the message, in each process, and what was published in one can be resumed in the other', async t => {
  const { here, there } = await nodes(t, positioned)
  const one = await here.open()
  await one.socket.subscribe(here.topics)
  const positions = []
  for (const n of [1, 2, 3]) positions.push((await there.topics.publish({ n })).at)
  const got = (await texts(one.client, 3)).map(text => JSON.parse(text))
  t.strictSame(got, positions.map((at, i) => ({ n: i + 1, at })))
  const other = await there.open()
  const beginning = await other.socket.subscribe(there.topics, { since: got[0].at })
  t.strictSame(beginning, { recovered: true, at: got[0].at })
  t.strictSame((await texts(other.client, 2)).map(text => JSON.parse(text).n), [2, 3])
  t.strictSame((await here.topics.history({ limit: 2 })).map(({ message, at }: any) => [message.n, at]), [[2, positions[1]], [3, positions[2]]])
})

test('a publish with an id that was published in another process is no second message', async t => {
  const { here, there } = await nodes(t, positioned)
  const { socket, client } = await here.open()
  await socket.subscribe(here.topics)
  const first = await here.topics.publish({ n: 1 }, { id: 'x' })
  t.strictSame(await there.topics.publish({ n: 2 }, { id: 'x' }), first)
  await there.topics.publish({ n: 3 })
  t.strictSame((await texts(client, 2)).map(text => JSON.parse(text).n), [1, 3])
})

test('except: a socket, and a name in all processes', async t => {
  const { here, there } = await nodes(t, app => app.topic('/t', { history: { size: 100, ttl: 60_000 } }))
  const one = await here.open()
  const same = await there.open()
  const other = await there.open()
  await one.socket.subscribe(here.topics, { as: 'ünal' })
  await same.socket.subscribe(there.topics, { as: 'ünal' })
  await other.socket.subscribe(there.topics)
  await here.topics.publish('by socket', { except: one.socket })
  await there.topics.publish('by name', { except: 'ünal' })
  await there.topics.publish('by the other', { except: other.socket })
  await here.topics.publish('end')
  t.strictSame(await texts(one.client, 2), ['by the other', 'end'])
  t.strictSame(await texts(same.client, 2), ['by the other', 'end'])
  t.strictSame(await texts(other.client, 3), ['by socket', 'by name', 'end'])
})

const identify = ({ query }: any): string | undefined => query.user

test('users: send() and close() reach their sockets in all processes', async t => {
  const { here, there } = await nodes(t, undefined, { plugin: { identify } })
  const one = await here.open('/?user=ada')
  const two = await there.open('/?user=ada')
  const bob = await there.open('/?user=bob')
  await here.app.sockets.user('ada').send('hi')
  await there.app.sockets.user('ada').send(Buffer.from('bytes'))
  await here.app.sockets.user('bob').send('only bob')
  t.strictSame(await texts(two.client, 2), ['hi', 'bytes'])
  await until(() => one.client.received.length > 0)
  t.strictSame((await texts(one.client, 2)).sort(), ['bytes', 'hi'])
  t.equal(await text(bob.client), 'only bob')
  await here.app.sockets.user('ada').close(4001, 'signed out')
  t.strictSame(await one.client.close(), { code: 4001, reason: 'signed out' })
  t.strictSame(await two.client.close(), { code: 4001, reason: 'signed out' })
  t.strictSame(await textsSoFar(bob), [])
  await t.rejects(here.app.sockets.user('bob').close(1), { code: 'FST_ERR_WS_CLOSE_CODE' })
  t.strictSame(await textsSoFar(bob), [])
})

test('broadcast() reaches everybody in all processes', async t => {
  const { here, there } = await nodes(t)
  const one = await here.open()
  const two = await there.open()
  const values = await there.open('/values')
  await here.app.sockets.broadcast('text')
  t.strictSame(await Promise.all([one, two, values].map(({ client }) => text(client))), ['text', 'text', '"text"'])
  await t.rejects(here.app.sockets.broadcast({ a: 1 }), { code: 'FST_ERR_WS_SEND_TYPE' })
  t.equal(await text(values.client), '{"a":1}', 'those who can take it have it, in whichever process')
})

test('what cannot be sent to a socket of another process is logged there', async t => {
  const { here, there } = await nodes(t)
  const two = await there.open()
  const values = await there.open('/values')
  await here.app.sockets.broadcast({ a: 1 })
  t.equal(await text(values.client), '{"a":1}')
  await until(() => there.app.lines.some(line => line.err?.code === 'FST_ERR_WS_SEND_TYPE'))
  t.strictSame(await textsSoFar(two), [])
})

test('signals that no version has sent are left alone; what cannot be read is logged once', async t => {
  const { here, there } = await nodes(t, undefined, { plugin: { identify } })
  const { socket, client } = await here.open('/?user=ada')
  const header = Buffer.alloc(14)
  for (const body of ['', 'no line feed', '{"do":"dance"}\n', 'null\n', '{"do":"send","user":null}\n', '{"do":"send","user":null}\n\x07', '{\n',
    '{"do":"close","user":"ada","code":1,"reason":""}\n']) {
    await there.driver.signal(Buffer.concat([header, Buffer.from(body)]))
  }
  await turns(20)
  t.strictSame(await textsSoFar({ socket, client }), [])
  t.ok(here.app.lines.some(line => line.err?.message.includes('format')))
})

test('bytes of another version in a topic are left out, and logged', async t => {
  const { here, there } = await nodes(t, app => app.topic('/t', { history: { size: 100, ttl: 60_000 } }))
  const { socket, client } = await here.open()
  await socket.subscribe(here.topics)
  const retention = { size: 100, ttl: 60_000 }
  const foreign = [
    [2, 0, 0, 0, 0, 0, 0, 0, 0, 0], [1, 9, 0, 0, 0, 0, 0, 0, 0, 0], [1, 2, 0, 0], [], [1, 2, 0, 0, 0, 9, 0, 0, 0, 0, 65],
    [1, 1, 255, 255, 255, 255, 255, 255, 255, 255], [1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 65]
  ]
  for (const bytes of foreign) {
    await new Promise<void>((resolve, reject) => {
      there.driver.publish([{ topic: '/t', bytes: Uint8Array.from(bytes), retention, id: null, done: () => resolve(), failed: reject }])
    })
  }
  await there.topics.publish('mine')
  t.strictSame(await textsSoFar({ socket, client }).then(all => all.length === 0 ? text(client) : all[0]), 'mine')
  t.equal((await here.topics.history()).length, 1)
  const { err } = here.app.lines.find(line => line.msg === 'publishing to a topic failed' || line.err !== undefined)!
  t.match(err.message, /format 2, of which this version knows only 1/)
})

test('app.sockets.backplane, the log and the diagnostics channel tell the state', async t => {
  const told: any[] = []
  const listener = (message: unknown): void => { told.push(message) }
  subscribe('fastify-sockets.backplane', listener)
  t.teardown(() => unsubscribe('fastify-sockets.backplane', listener))
  const { here, there } = await nodes(t)
  t.strictSame(here.app.sockets.backplane, { name: 'fake', state: 'up', lag: 0 })
  t.ok(Object.keys(here.app.sockets).includes('backplane'))
  const error = new Error('cut')
  here.driver.goDown(error)
  t.strictSame(here.app.sockets.backplane, { name: 'fake', state: 'down', lag: null })
  t.equal(there.app.sockets.backplane!.state, 'up')
  here.driver.comeUp()
  await until(() => here.app.sockets.backplane!.state === 'up')
  await turns(3)
  t.strictSame(told, [{ name: 'fake', state: 'down', error }, { name: 'fake', state: 'up', error: null }])
  const lines = here.app.lines.filter(({ backplane }) => backplane === 'fake')
  t.strictSame(lines.map(({ level, msg, err }) => [level, msg, err?.message]), [
    [50, 'the backplane cannot be reached', 'cut'], [30, 'the backplane can be reached again', undefined]
  ])
  t.strictSame(there.app.lines.filter(({ backplane }) => backplane !== undefined), [])
})

test('without a backplane there is none to tell of', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(sockets)
  t.equal(app.sockets.backplane, null)
})

test('an app whose backplane cannot be reached does not boot, and closes', async t => {
  let driver!: FakeDriver
  const app = Fastify()
  app.register(sockets, { backplane: fakeBackplane(undefined, made => {
    driver = made
    driver.refuse('open', new Error('no route to host'))
  }) })
  await t.rejects(async () => await app.ready(), {
    code: 'FST_ERR_WS_BACKPLANE', message: 'the backplane fake cannot be reached', cause: { message: 'no route to host' }
  })
  await app.close()
  t.ok(driver.calls.includes('close'))
})

test('app.close() closes the backplane when the sockets are closed', async t => {
  const { here, there } = await nodes(t, app => app.topic('/t', { history: { size: 10, ttl: 60_000 } }))
  const { socket, client } = await here.open()
  await socket.subscribe(here.topics)
  let published: Promise<unknown> | null = null
  socket.on('close', () => { published = here.topics.publish('last words') })
  const other = await there.open()
  await other.socket.subscribe(there.topics)
  const closing = here.app.close()
  const { code } = await client.close()
  client.send(CLOSE, closeBody(code))
  await closing
  await published
  t.equal(await text(other.client), 'last words')
  t.equal(here.driver.calls.at(-1), 'close')
})
