import { channel } from 'node:diagnostics_channel'
import { test } from 'tap'
import { fakeClock } from '../support/clock.ts'
import { codeOf } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'
import { block, numbers, stage, text, texts, textsSoFar } from './stage.ts'

const HISTORY = { size: 1000, ttl: 60_000 }

test('since: all that was missed, in order and once, and then what is live', async t => {
  const { app, topics, open } = await stage(t, app => app.topic('/rooms/:room', { history: HISTORY }))
  for (const missed of [0, 1, 9]) {
    const room = { room: missed }
    const positions: string[] = []
    for (const message of numbers(10)) {
      positions.push((await topics.publish(room, message)).at)
      await topics.publish({ room: 'other' }, `not ${message}`)
    }
    const one = await open()
    const since = positions[9 - missed]!
    const begun: unknown[] = []
    const beginning = await one.socket.subscribe(topics, room, {
      since,
      begin (given) {
        begun.push(given)
        one.socket.send('welcome')
      }
    })
    t.strictSame(beginning, { recovered: true, at: since })
    t.strictSame(begun, [beginning])
    void topics.publish(room, 'live')
    t.same(await texts(one.client, missed + 2), ['welcome', ...numbers(missed, 10 - missed), 'live'])
    t.same(await textsSoFar(one), [])
  }
  t.match(app.sockets.stats().topics['/rooms/:room'], { recovered: 3, lost: 0 })
})

test('a position that is not known any more, or never was: recovered is false, and nothing old arrives', async t => {
  const { app, topics, open } = await stage(t, app => ({
    short: app.topic('/short', { history: { size: 3, ttl: 60_000 } }),
    none: app.topic('/none')
  }))
  const { topics: others } = await stage(t, app => app.topic('/short', { history: HISTORY }))
  const foreign = (await others.publish('of another app')).at
  const old = (await topics.short.publish('m0')).at
  for (const message of numbers(5, 1)) await topics.short.publish(message)
  const forged = [old, foreign, '', 'x', `${old}0`, old.toUpperCase(), old.slice(0, -1), '-', '__proto__', 'x'.repeat(10_000), 5, null, {}, ['a']]
  let lost = 0
  for (const since of forged) {
    const one = await open()
    const begun: unknown[] = []
    const beginning = await one.socket.subscribe(topics.short, { since: since as any, begin: given => { begun.push(given) } })
    t.match(beginning, { recovered: false, at: String }, JSON.stringify(since)?.slice(0, 50))
    t.strictSame(begun, [beginning], 'begin is called once')
    if (typeof since === 'string') lost++
    t.same(await textsSoFar(one), [])
    one.socket.terminate()
  }
  t.match(app.sockets.stats().topics['/short'], { recovered: 0, lost })
  const one = await open()
  t.match(await one.socket.subscribe(topics.none, { since: old }), { recovered: false }, 'a topic without history')
  t.match(await one.socket.subscribe('name', { since: old }), { recovered: false }, 'nor has a name one')
  t.match(await one.socket.subscribe(topics.short, { since: undefined }), { recovered: false })
})

test('what has expired is not recovered; a position behind it is', async t => {
  const { topics, open } = await stage(t, app => app.topic('/t', { history: { size: 10, ttl: 1000 } }))
  const clock = fakeClock(t, 'performance')
  const { at } = await topics.publish('m0')
  const { at: last } = await topics.publish('m1')
  clock.tick(1001)
  const { socket: first } = await open()
  t.match(await first.subscribe(topics, { since: at }), { recovered: false })
  const { socket, client } = await open()
  t.match(await socket.subscribe(topics, { since: last }), { recovered: true }, 'it has missed nothing')
  await topics.publish('m2')
  t.equal(await text(client), 'm2')
})

test('more than a part of the history is read at a time, while publishing goes on', async t => {
  const { topics, open } = await stage(t, app => app.topic('/rooms/:room', { history: HISTORY }))
  for (const missed of [127, 128, 129, 400]) {
    const room = { room: missed }
    const { at: since } = await topics.publish(room, 'first')
    for (const message of numbers(missed)) await topics.publish(room, message)
    const { socket, client } = await open()
    t.match(await socket.subscribe(topics, room, { since, as: 'me' }), { recovered: true })
    for (const [i, message] of numbers(300, missed).entries()) {
      void topics.publish(room, message)
      void topics.publish(room, 'not for me', { except: 'me' })
      if (i % 10 === 0) await turn()
    }
    t.strictSame(await texts(client, missed + 300), numbers(missed + 300))
    t.same(await textsSoFar({ socket, client }), [])
  }
})

test('what is sent, unsubscribed and closed in the midst of a replay', async t => {
  const { topics, open } = await stage(t, app => app.topic('/t', { history: HISTORY }))
  const { at: since } = await topics.publish('first')
  for (const message of numbers(500)) await topics.publish(message)
  const { socket, client } = await open()
  await socket.subscribe(topics, { since })
  socket.send('sent')
  const got = await texts(client, 501)
  t.same(got.filter(message => message !== 'sent'), numbers(500))
  t.ok(got.includes('sent'))

  const left = await open()
  await left.socket.subscribe(topics, { since })
  t.equal(left.socket.unsubscribe(topics), true)
  await turn()
  await turn()
  const part = await textsSoFar(left)
  t.ok(part.length < 500)
  t.same(part, numbers(part.length))
  t.match(await left.socket.subscribe(topics, { since }), { recovered: true }, 'and it may begin anew')
  t.same(await texts(left.client, 500), numbers(500))

  const closing = await open()
  await closing.socket.subscribe(topics, { since })
  void closing.socket.close(4000)
  let count = 0
  for (let frame = await closing.client.frame(); frame.opcode !== 8; frame = await closing.client.frame()) count++
  t.ok(count < 500, 'close() does not wait for the rest')
})

test('it ends while its history is read', async t => {
  const { app, topics, open, failures } = await stage(t, app => app.topic('/t', { history: HISTORY, presence: true }))
  const { at: since } = await topics.publish('first')
  for (const message of numbers(500)) await topics.publish(message)
  for (const wait of [0, 1, 2, 3, 4, 5]) {
    const { socket } = await open()
    const begun = codeOf(() => socket.subscribe(topics, { since }))
    for (let i = 0; i < wait; i++) await Promise.resolve()
    if (wait === 5) await begun
    socket.terminate()
    t.equal(await begun, wait === 5 ? undefined : 'FST_ERR_WS_NOT_OPEN')
  }
  await until(() => app.sockets.size === 0)
  t.same(failures, [])
  t.equal(app.sockets.stats().topics['/t']!.subscriptions, 0)
})

test('what a history has is encoded for each route when it is read, and what fails then is told to onError', async t => {
  const { topics, open, failures } = await stage(t, app => app.topic('/t', { history: HISTORY }))
  const { at: since } = await topics.publish('first')
  await topics.publish({ a: 1 })
  await topics.publish('text')
  await topics.publish(Buffer.from('bytes'))
  const raw = await open()
  await raw.socket.subscribe(topics, { since })
  t.same(await texts(raw.client, 2), ['text', 'bytes'])
  t.match(failures, [{ code: 'FST_ERR_WS_SEND_TYPE' }])
  const values = await open('/values')
  await values.socket.subscribe(topics, { since })
  t.same((await texts(values.client, 2)), ['{"a":1}', '"text"'])
})

test('who recovers is told of on the diagnostics channel', async t => {
  const { topics, open } = await stage(t, app => app.topic('/t', { history: HISTORY }))
  const { at: since } = await topics.publish('first')
  const seen: any[] = []
  const events = channel('fastify-sockets.subscribe')
  const note = (event: any): void => { seen.push(event) }
  events.subscribe(note)
  t.teardown(() => { events.unsubscribe(note) })
  const { socket } = await open()
  await socket.subscribe(topics, { since })
  t.match(seen, [{ socket, topic: '/t', url: '/t', recovered: true, at: since }])
})

test('a reader that has taken just as much as was read of a history waits for its turn before it reads on', async t => {
  const messages = Array.from({ length: 300 }, (_, i) => String(i).padStart(10, '0'))
  const frame = 2 + 10
  // What is read at a time are 128 messages: the last of them is one too many.
  const { topics, open } = await stage(t, app => app.topic('/t', { history: HISTORY }), { ws: { highWaterMark: 128 * frame - 1 } })
  const { at } = await topics.publish('first')
  for (const message of messages) await topics.publish(message)
  const { socket, client } = await open()
  const release = block(socket)
  t.same(await socket.subscribe(topics, { since: at }), { recovered: true, at })
  await until(() => socket.bufferedAmount === 128 * frame)
  for (let i = 0; i < 3; i++) await turn()
  t.equal(socket.bufferedAmount, 128 * frame)
  release()
  t.same(await texts(client, 300), messages)
  await topics.publish('live')
  t.equal(await text(client), 'live')
})

test('whoever leaves as it gets the last of what it missed gets nothing more', async t => {
  const { app, topics, open } = await stage(t, app => app.topic('/t', { history: HISTORY }))
  const { at } = await topics.publish('first')
  for (const message of numbers(3)) await topics.publish(message)
  const one = await open()
  const sent = channel('fastify-sockets.message.out')
  const leave = (message: any): void => {
    if (message.socket === one.socket && message.data === 'm2') t.equal(one.socket.unsubscribe(topics), true)
  }
  sent.subscribe(leave)
  t.teardown(() => sent.unsubscribe(leave))
  await one.socket.subscribe(topics, { since: at })
  t.same(await texts(one.client, 3), numbers(3))
  await topics.publish('for nobody')
  t.same(await textsSoFar(one), [])
  t.match(app.sockets.stats().topics['/t'], { topics: 0, subscriptions: 0 })
})
