import { type Test, test } from 'tap'
import { closeBody } from '../support/frames.ts'
import { turns } from '../support/late-engine.ts'
import { CLOSE } from '../support/opcodes.ts'
import { until } from '../support/until.ts'
import { RawClient } from '../support/raw-client.ts'
import { nodes, positioned } from './backplane-stage.ts'
import { stillClock } from './people.ts'
import { text, texts, textsSoFar } from './stage.ts'

/*
 * The backplane cannot be reached for a while, seen by sockets and publishers.
 */

const BACKPLANE = { code: 'FST_ERR_WS_BACKPLANE', statusCode: 503, closeCode: 1013 }

test('an outage closes no socket: with a history it gets everything afterwards, publishing meanwhile rejects', async t => {
  const { here, there } = await nodes(t, positioned)
  const { socket, client } = await here.open()
  await socket.subscribe(here.topics)
  await there.topics.publish({ n: 1 })
  here.driver.goDown()
  await t.rejects(here.topics.publish({ n: 0 }), BACKPLANE)
  await t.rejects(here.topics.history(), BACKPLANE)
  await there.topics.publish({ n: 2 })
  await turns(10)
  here.driver.comeUp()
  await until(() => here.app.sockets.backplane!.state === 'up')
  await here.topics.publish({ n: 3 })
  t.strictSame((await texts(client, 3)).map(text => JSON.parse(text).n), [1, 2, 3])
  t.strictSame(await textsSoFar({ socket, client }), [])
})

test('without a history, sockets of a process that is cut off still get what it publishes', async t => {
  const { here, there } = await nodes(t)
  const { socket, client } = await here.open()
  await socket.subscribe('name')
  here.driver.goDown()
  const { at } = await here.app.sockets.publish('name', 'one')
  t.type(at, 'string')
  await here.app.sockets.publish('name', 'two')
  t.strictSame(await texts(client, 2), ['one', 'two'])
  const late = await here.open()
  await late.socket.subscribe('another')
  await here.app.sockets.publish('another', 'three')
  t.equal(await text(late.client), 'three')
  here.driver.comeUp()
  await until(() => here.app.sockets.backplane!.state === 'up')
  await there.app.sockets.publish('another', 'four')
  t.strictSame(await textsSoFar(late), ['four'])
})

test('subscribing to a topic with a history rejects within 5 s; a handler that does not expect it closes with 1013', async t => {
  const clock = await stillClock(t)
  const { here } = await nodes(t, app => {
    const topic: any = app.topic('/t', { history: { size: 10, ttl: 60_000 } })
    app.get('/follow', { ws: true }, async socket => {
      await socket.subscribe(topic)
    })
    return topic
  })
  const { socket, client } = await here.open()
  here.driver.goDown()
  const rejected = t.rejects(socket.subscribe(here.topics), BACKPLANE)
  const port = (here.app.server.address() as any).port
  const other = await RawClient.open(port, '/follow')
  t.teardown(() => other.destroy())
  await until(() => here.app.sockets.size === 2)
  await turns(5)
  await clock.tickAsync(4500)
  await rejected
  t.strictSame(await other.close(), { code: 1013, reason: 'try again later' })
  t.ok(here.app.lines.some(line => line.msg === 'websocket handler failed' && line.err.code === 'FST_ERR_WS_BACKPLANE'))
  t.strictSame(socket.subscriptions, [])
  here.driver.comeUp()
  await until(() => here.app.sockets.backplane!.state === 'up')
  await socket.subscribe(here.topics)
  await here.topics.publish('hi')
  t.equal(await text(client), 'hi')
})

test('resuming, while others are subscribed: rejected in an outage, and waits while what is missing is read', async t => {
  const clock = await stillClock(t)
  const { here, there } = await nodes(t, positioned)
  const first = await here.open()
  await first.socket.subscribe(here.topics)
  const { at } = await there.topics.publish({ n: 1 })
  await there.topics.publish({ n: 2 })
  here.driver.goDown()
  const { socket, client } = await here.open()
  const rejected = t.rejects(socket.subscribe(here.topics, { since: at }), BACKPLANE)
  await turns(5)
  await clock.tickAsync(4500)
  await rejected
  const again = socket.subscribe(here.topics, { since: at })
  await turns(5)
  here.driver.comeUp()
  t.strictSame(await again, { recovered: true, at })
  t.equal(JSON.parse(await text(client)).n, 2)
})

test('a call that the backplane refuses rejects, and is logged if nobody waits for it', async t => {
  const { here } = await nodes(t, app => app.topic('/t', { history: { size: 10, ttl: 60_000 } }))
  here.driver.refuse('publish', new Error('out of memory'))
  await t.rejects(here.topics.publish('x'), { ...BACKPLANE, message: 'the backplane fake did not take a message', cause: { message: 'out of memory' } })
  here.driver.refuse('publish')
  void here.topics.publish('y')
  await until(() => here.app.lines.some(line => line.msg === 'publishing to a topic failed'))
  here.driver.refuse('last')
  await t.rejects(here.topics.history(), BACKPLANE)
  here.driver.refuse('signal')
  const { client } = await here.open()
  await t.rejects(here.app.sockets.broadcast('here'), BACKPLANE)
  t.equal(await text(client), 'here', 'this process has it all the same')
})

test('a socket that reads the history is not closed by an outage', async t => {
  const { here, there } = await nodes(t, app => app.topic('/t', { overflow: 'catch-up', history: { size: 1000, ttl: 60_000 } }), { ws: { highWaterMark: 2000 } })
  const { socket, client } = await here.open()
  const { at } = await here.topics.publish('m0')
  for (let i = 1; i <= 300; i++) await there.topics.publish(`m${i} ${'x'.repeat(100)}`)
  await socket.subscribe(here.topics, { since: at })
  here.driver.goDown()
  await turns(50)
  here.driver.comeUp()
  const got = await texts(client, 300)
  t.strictSame(got.map(one => one.split(' ')[0]), Array.from({ length: 300 }, (_, i) => `m${i + 1}`))
  t.strictSame(await textsSoFar({ socket, client }), [])
})

test('whoever goes while the history cannot be read is not waited for', async t => {
  const clock = await stillClock(t)
  const { here, there } = await nodes(t, app => app.topic('/t', { overflow: 'catch-up', history: { size: 1000, ttl: 60_000 } }), { ws: { highWaterMark: 2000 } })
  const first = await here.open()
  await first.socket.subscribe(here.topics)
  const { at } = await here.topics.publish('m0')
  for (let i = 1; i <= 600; i++) await there.topics.publish(`m${i}`)
  const { socket } = await here.open()
  await socket.subscribe(here.topics, { since: at })
  here.driver.goDown()
  await turns(10)
  await clock.tickAsync(4000)
  socket.terminate()
  await socket.closed
  here.driver.comeUp()
  await until(() => here.app.sockets.backplane!.state === 'up')
  await clock.tickAsync(2000)
  await turns(20)
  t.equal(here.app.sockets.stats().topics['/t']!.lost, 0)
  t.strictSame(here.app.lines.filter(({ level, backplane }) => level > 30 && backplane === undefined), [])
})

const presence = { presence: { announce: ({ type, member }: any) => `${member.id} ${type}`, grace: 0 }, history: { size: 10, ttl: 60_000 } }
const identify = ({ query }: any): string | undefined => query.user

/** Two processes with a member each, of which the history tells. */
async function adaAndBob (t: Test) {
  const clock = await stillClock(t)
  const { here, there } = await nodes(t, app => app.topic('/t', presence) as any, { plugin: { identify } }, { lease: 3000 })
  const ada = await here.open('/?user=ada')
  const bob = await there.open('/?user=bob')
  await ada.socket.subscribe(here.topics)
  await bob.socket.subscribe(there.topics)
  await until(async () => (await here.topics.history()).length === 2)
  return { clock, here, there }
}

test('members of a process that is killed are announced as gone, once, by one of the others', async t => {
  const { clock, here, there } = await adaAndBob(t)
  t.strictSame((await here.topics.members()).map(({ id }: any) => id), ['ada', 'bob'])
  t.equal(await there.topics.count(), 2)
  there.driver.kill()
  await clock.tickAsync(5000)
  await until(async () => await here.topics.count() === 1)
  await turns(20)
  t.strictSame((await here.topics.history()).map(({ message }: any) => message), ['ada joined', 'bob joined', 'bob left'])
})

test('members of a process that comes back are announced as back', async t => {
  const { clock, here, there } = await adaAndBob(t)
  there.driver.goDown()
  await clock.tickAsync(5000)
  await until(async () => await here.topics.count() === 1)
  there.driver.comeUp()
  await until(() => there.app.sockets.backplane!.state === 'up')
  await clock.tickAsync(2000)
  await until(async () => await here.topics.count() === 2)
  await turns(20)
  t.strictSame((await here.topics.history()).map(({ message }: any) => message), ['ada joined', 'bob joined', 'bob left', 'bob joined'])
})

test('who leaves in an outage is announced as gone afterwards; who cannot join is not subscribed', async t => {
  const { here, there } = await nodes(t, app => app.topic('/t', presence) as any, { plugin: { identify } })
  const ada = await here.open('/?user=ada')
  const bob = await here.open('/?user=bob')
  await ada.socket.subscribe(here.topics)
  await bob.socket.subscribe(here.topics)
  await until(async () => (await here.topics.history()).length === 2)
  here.driver.goDown()
  const carl = await here.open('/?user=carl')
  await t.rejects(carl.socket.subscribe(here.topics), BACKPLANE)
  ada.client.send(CLOSE, closeBody(1000))
  await ada.socket.closed
  await turns(10)
  here.driver.comeUp()
  await until(() => here.app.sockets.backplane!.state === 'up')
  await until(async () => (await there.topics.history()).length === 3)
  await turns(20)
  t.strictSame((await there.topics.history()).map(({ message }: any) => message), ['ada joined', 'bob joined', 'ada left'])
  t.strictSame((await there.topics.members()).map(({ id }: any) => id), ['bob'])
})

test('members of a topic that this process has not declared are left alone', async t => {
  const clock = await stillClock(t)
  const { here, there } = await nodes(t, app => app.topic('/t/:id', presence) as any, {}, { lease: 3000 })
  await there.driver.join('/t/', { id: 'x', info: '' })
  await there.driver.join('/u/1', { id: 'x', info: '' })
  await there.driver.join('/t/1', { id: 'gone', info: '' })
  await there.driver.join('/elsewhere', { id: 'x', info: '' })
  await there.driver.join('no topic', { id: 'x', info: '' })
  there.driver.kill()
  await clock.tickAsync(5000)
  await turns(20)
  t.strictSame((await here.topics.history({ id: '1' })).map(({ message }: any) => message), ['gone left'])
  t.strictSame(here.app.lines.filter(({ level }) => level > 30), [])
})

test('lost while presence is told: begin is told the truth', async t => {
  const { here, there, store } = await nodes(t, app => app.topic('/t', presence) as any, { plugin: { identify } })
  const first = await here.open('/?user=ada')
  await first.socket.subscribe(here.topics, { begin: () => {} })
  const { at } = await there.topics.publish('m1')
  await turns(10)
  const { socket, client } = await here.open('/?user=bob')
  const letGo = here.driver.holdAnswers()
  const begun: any[] = []
  const subscribed = socket.subscribe(here.topics, { since: at, begin: (beginning: any) => { begun.push(beginning) } })
  await turns(5)
  store.flush()
  await there.topics.publish('after')
  await turns(10)
  letGo()
  const answer = await subscribed
  t.equal(answer.recovered, false)
  t.strictSame(begun, [answer])
  await there.topics.publish('live')
  const got = []
  do got.push(await text(client)); while (got.at(-1) !== 'live')
  t.notOk(got.includes('m1'))
})
