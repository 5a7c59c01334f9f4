import { test } from 'tap'
import { numbers, stage, text, textsSoFar } from './stage.ts'

/*
 * Who is left out of a message stays so when it gets it only later, from the history.
 */

test('a socket that resumes behind a message that left it out does not get it', async t => {
  const { topics: topic, open } = await stage(t, app => app.topic('/left-out', { history: { size: 10, ttl: 60_000 } }))
  const { socket, client } = await open()
  const { at } = await topic.publish('m0')
  await topic.publish('m1', { except: socket })
  await topic.publish('m2')
  t.strictSame(await socket.subscribe(topic, { since: at }), { recovered: true, at })
  t.equal(await text(client), 'm2')
  await topic.publish('m3', { except: socket })
  socket.unsubscribe(topic)
  await topic.publish('m4')
  await socket.subscribe(topic, { since: at })
  t.strictSame([await text(client), await text(client)], ['m2', 'm4'])
  t.strictSame(await textsSoFar({ socket, client }), [])
})

test('others get it', async t => {
  const { topics: topic, open } = await stage(t, app => app.topic('/left-out', { history: { size: 10, ttl: 60_000 } }))
  const { at } = await topic.publish('m0')
  const [one, other] = [await open(), await open()]
  await topic.publish('m1', { except: one.socket })
  await other.socket.subscribe(topic, { since: at })
  await topic.publish('m2')
  t.strictSame([await text(other.client), await text(other.client)], numbers(2, 1))
})
