import { test, type Test } from 'tap'
import { delayEngines } from '../support/late-engine.ts'
import { stage, text } from './stage.ts'

/*
 * An engine that is elsewhere: what it answers, and what it lets be read, may be ahead of what it announces.
 */

/** A topic whose announcements wait while they are told to. */
async function distant (t: Test) {
  const requests: number[] = []
  const waiting: Array<() => void> = []
  let isHeld = false
  t.teardown(delayEngines({
    request: () => requests.shift() ?? 0,
    answer: () => 0,
    announcement: () => isHeld ? new Promise<void>(resolve => { waiting.push(resolve) }) : 0
  }))
  const { app, topics: topic, open } = await stage(t, app => app.topic('/late', {
    schema: { message: { type: 'object', properties: { n: { type: 'integer' }, at: { type: 'string' } } } } as any,
    history: { size: 100, ttl: 60_000, position: 'at' }
  }))
  return {
    app,
    topic: topic as any,
    open,
    /** How many turns of the loop the next requests take. */
    requests,
    /** From now on announcements wait. */
    hold: () => { isHeld = true },
    /** The first of them is made now. */
    async letOne () {
      waiting.shift()!()
      await promises()
    },
    letGo () {
      isHeld = false
      for (const go of waiting.splice(0)) go()
    }
  }
}

/** What only waits for promises that have been settled is done, in the same turn of the loop. */
async function promises (): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

/** The numbers of messages. */
function numbers (texts: string[]): number[] {
  return texts.map(one => JSON.parse(one).n)
}

test('what was published before the answer to subscribe(), and is announced after it, is not given', async t => {
  const { topic, open, requests, hold, letGo } = await distant(t)
  const { socket, client } = await open()
  // It arrives after the subscription, and before the question where the topic stands.
  requests.push(0, 1)
  const subscribed = socket.subscribe(topic, {
    async begin () {
      await topic.publish({ n: 2 })
      letGo()
      await promises()
    }
  })
  const published = topic.publish({ n: 1 })
  await promises()
  hold()
  t.equal((await subscribed).at, (await published).at)
  t.strictSame(numbers([await text(client)]), [2])
})

test('who resumes at a message that is yet to be announced does not get it', async t => {
  const { topic, open, hold, letGo } = await distant(t)
  const first = await open()
  await first.socket.subscribe(topic)
  hold()
  await topic.publish({ n: 1 })
  const { at } = await topic.publish({ n: 2 })
  const second = await open()
  t.strictSame(await second.socket.subscribe(topic, { since: at }), { recovered: true, at })
  await topic.publish({ n: 3 })
  letGo()
  t.strictSame(numbers([await text(second.client)]), [3])
  t.strictSame(numbers([await text(first.client), await text(first.client), await text(first.client)]), [1, 2, 3])
})

test('who has read what is yet to be announced does not get it with a message of its own in between', async t => {
  const { topic, open, hold, letOne, letGo } = await distant(t)
  const first = await open()
  const { at } = await first.socket.subscribe(topic)
  hold()
  for (const n of [1, 2, 3]) await topic.publish({ n })
  const second = await open()
  await second.socket.subscribe(topic, { since: at })
  t.strictSame(numbers([await text(second.client), await text(second.client), await text(second.client)]), [1, 2, 3])
  await letOne()
  second.socket.send('now')
  letGo()
  await topic.publish({ n: 4 })
  t.equal(await text(second.client), 'now')
  t.strictSame(numbers([await text(second.client)]), [4])
})

test('a message that was published before anybody could say how long it is for a route is kept for its sockets all the same', async t => {
  const { app, open, hold, letGo } = await distant(t)
  const first = await open()
  await first.socket.subscribe('news')
  hold()
  await app.sockets.publish('news', 'text')
  const { socket, client } = await open('/values')
  await socket.subscribe('news', {
    async begin () {
      letGo()
      t.equal(await text(first.client), 'text')
      socket.send('began')
    }
  })
  t.equal(await text(client), '"began"')
  t.equal(await text(client), '"text"')
})
