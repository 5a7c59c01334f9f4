import { test, type Test } from 'tap'
import { turns } from '../support/late-engine.ts'
import { turn, until } from '../support/until.ts'
import { nodes, type Node } from './backplane-stage.ts'
import { block, text, texts, textsSoFar } from './stage.ts'

/*
 * Messages were lost: a store has forgotten them, or has come back with an older state.
 */

const history = { size: 5, ttl: 60_000 }

/** Two apps, of which the second publishes; its store forgets everything when it is told to. */
async function losing (t: Test, options: object = {}) {
  const both = await nodes(t, app => app.topic('/t', { history, ...options } as object) as any, { ws: { highWaterMark: 2000, maxBuffered: 1e6 } })
  return {
    ...both,
    /** Everything is forgotten, of which `here` learns by what is published then. */
    async lose (message = 'after'): Promise<void> {
      both.store.flush()
      await both.there.topics.publish(message)
      await turns(30)
    }
  }
}

/** What `here` counts. */
function lostOf ({ app }: Node<any>): number {
  return app.sockets.stats().topics['/t']!.lost
}

test('whoever is live is told once more how it begins, and then gets what comes', async t => {
  const { here, there, lose } = await losing(t)
  const { socket, client } = await here.open()
  const begun: any[] = []
  await socket.subscribe(here.topics, { begin: beginning => {
    begun.push(beginning)
    socket.send(`begin ${begun.length}`)
  } })
  await there.topics.publish('before')
  t.strictSame(await texts(client, 2), ['begin 1', 'before'])
  await lose()
  t.equal(await text(client), 'begin 2')
  await there.topics.publish('live')
  t.equal(await text(client), 'live')
  t.equal(begun[1].recovered, false)
  t.not(begun[1].at, begun[0].at)
  t.strictSame(await textsSoFar({ socket, client }), [])
  t.equal(lostOf(here), 1)
  const resumed = await here.open()
  t.strictSame(await resumed.socket.subscribe(here.topics, { since: begun[1].at }), { recovered: true, at: begun[1].at })
  t.equal(await text(resumed.client), 'live')
  const late = await there.open()
  t.match(await late.socket.subscribe(there.topics, { since: begun[0].at }), { recovered: false })
})

test('what is published while begin runs again comes behind it', async t => {
  const { here, there, lose } = await losing(t)
  const { socket, client } = await here.open()
  let letGo = (): void => {}
  let calls = 0
  await socket.subscribe(here.topics, { begin: () => ++calls === 1 ? undefined : new Promise<void>(resolve => { letGo = resolve }) })
  await lose()
  await until(() => calls === 2)
  await there.topics.publish('live')
  await turns(10)
  t.strictSame(await textsSoFar({ socket, client }), [])
  letGo()
  t.equal(await text(client), 'live')
})

test('lost once more while begin runs again: it is called a third time', async t => {
  const { here, there, lose } = await losing(t)
  const { socket, client } = await here.open()
  const begun: any[] = []
  const waiting: Array<() => void> = []
  await socket.subscribe(here.topics, { begin: beginning => {
    return begun.push(beginning) === 1 ? undefined : new Promise<void>(resolve => { waiting.push(resolve) })
  } })
  await lose()
  await until(() => begun.length === 2)
  await lose()
  waiting[0]!()
  await until(() => begun.length === 3)
  waiting[1]!()
  await there.topics.publish('live')
  t.equal(await text(client), 'live')
  t.strictSame(begun.map(({ recovered }) => recovered), [false, false, false])
  t.equal(new Set(begun.map(({ at }) => at)).size, 3)
})

test('lost during the first begin: it is called again before subscribe() resolves, and the answer is the last', async t => {
  const { here, there, lose } = await losing(t)
  await there.topics.publish('m1')
  const since = (await there.topics.publish('m2')).at
  const { socket, client } = await here.open()
  const begun: any[] = []
  let letGo = (): void => {}
  const subscribed = socket.subscribe(here.topics, { since, begin: beginning => {
    return begun.push(beginning) > 1 ? undefined : new Promise<void>(resolve => { letGo = resolve })
  } })
  await until(() => begun.length === 1)
  await lose()
  letGo()
  const answer = await subscribed
  t.strictSame(begun.map(({ recovered }) => recovered), [true, false])
  t.strictSame(answer, begun[1])
  await there.topics.publish('live')
  t.equal(await text(client), 'live')
})

test('lost while the answer is on its way: what is missed since a position is not claimed to come', async t => {
  const { here, there, store } = await losing(t)
  const first = await here.open()
  await first.socket.subscribe(here.topics)
  const since = (await there.topics.publish('m1')).at
  await there.topics.publish('m2')
  t.strictSame(await texts(first.client, 2), ['m1', 'm2'])
  const { socket, client } = await here.open()
  const subscribed = socket.subscribe(here.topics, { since: `${since}?` })
  store.flush()
  void there.topics.publish('after')
  t.match(await subscribed, { recovered: false })
  await turns(30)
  await there.topics.publish('live')
  t.equal((await first.client.close()).code, 1013)
  const rest = await client.frame()
  t.ok(rest.opcode === 8 || rest.payload.toString() === 'after' || rest.payload.toString() === 'live')
})

test('without a begin the connection is closed with 1013', async t => {
  const { here, lose } = await losing(t)
  const { socket, client } = await here.open()
  const errors: any[] = []
  socket.on('error', error => { errors.push(error) })
  await socket.subscribe(here.topics)
  await lose()
  t.strictSame(await client.close(), { code: 1013, reason: 'messages were lost' })
  t.match(errors, [{ code: 'FST_ERR_WS_LOST', message: "messages of the topic '/t' were lost on their way, and cannot be read any more" }])
  t.strictSame(here.failures, [])
  t.equal(lostOf(here), 1)
  t.equal(here.app.sockets.stats().topics['/t']!.subscriptions, 0)
})

test('topics without a history keep their sockets, unless begin has told what they begin with', async t => {
  const { here, there } = await nodes(t)
  const plain = await here.open()
  const told = await here.open()
  let calls = 0
  await plain.socket.subscribe('name')
  await told.socket.subscribe('name', { begin: () => { told.socket.send(`begin ${++calls}`) } })
  here.driver.goDown()
  await turns(5)
  await there.app.sockets.publish('name', 'missed')
  await here.app.sockets.publish('name', 'here')
  here.driver.comeUp()
  await until(() => calls === 2)
  await there.app.sockets.publish('name', 'live')
  t.strictSame(await texts(plain.client, 2), ['here', 'live'])
  t.strictSame(await texts(told.client, 4), ['begin 1', 'here', 'begin 2', 'live'])
})

test('a begin that fails, unsubscribes or closes when it is called again', async t => {
  for (const what of ['throws', 'unsubscribes', 'unsubscribes and throws', 'closes'] as const) {
    const { here, there, lose } = await losing(t)
    const { socket, client } = await here.open()
    let calls = 0
    await socket.subscribe(here.topics, { begin: () => {
      if (++calls === 1) return
      if (what.startsWith('unsubscribes')) socket.unsubscribe(here.topics)
      if (what === 'closes') void socket.close(4000)
      if (what.endsWith('throws')) throw new Error('mine')
    } })
    await lose()
    await until(() => calls === 2)
    if (what === 'throws') t.equal((await client.close()).code, 1013)
    else if (what === 'closes') t.equal((await client.close()).code, 4000)
    else {
      await there.topics.publish('live')
      t.strictSame(await textsSoFar({ socket, client }), [], what)
    }
    t.strictSame(here.failures.map(({ message }) => message), what === 'throws' ? ['mine'] : [], what)
  }
})

test('whoever has gone between the loss and its turn is not called', async t => {
  const { here, lose, store, there } = await losing(t)
  const [gone, left, again] = [await here.open(), await here.open(), await here.open()]
  const calls = [0, 0, 0]
  for (const [i, { socket }] of [gone, left, again].entries()) await socket.subscribe(here.topics, { begin: () => { calls[i]!++ } })
  // In the turn in which it is noticed, which is before theirs.
  store.flush()
  void there.topics.publish('after')
  await until(() => lostOf(here) === 3)
  gone.socket.terminate()
  left.socket.unsubscribe(here.topics)
  again.socket.unsubscribe(here.topics)
  const subscribed = again.socket.subscribe(here.topics, { begin: () => { calls[2]! += 10 } })
  await turns(20)
  await subscribed
  t.strictSame(calls, [1, 1, 11])
  await lose()
  await until(() => calls[2] === 21)
})

for (const overflow of [undefined, 'catch-up', 'latest', 'drop', 'close'] as const) {
  test(`lost for whoever reads slowly, with overflow ${overflow}`, async t => {
    const { here, there, lose } = await losing(t, overflow === undefined ? {} : { overflow })
    const { socket, client } = await here.open()
    const begun: any[] = []
    await socket.subscribe(here.topics, { begin: beginning => {
      begun.push(beginning)
      socket.send(`begin ${begun.length}`)
    } })
    t.equal(await text(client), 'begin 1')
    const release = block(socket)
    socket.send('x'.repeat(3000))
    await turn()
    for (let i = 0; i < 3; i++) await there.topics.publish(`before ${i}`)
    await turns(10)
    await lose()
    release()
    if (overflow === 'close') {
      t.equal((await text(client)).length, 3000)
      t.equal((await client.close()).code, 1013)
      return
    }
    await until(() => begun.length === 2, 'begin again')
    await there.topics.publish('live')
    const got = await texts(client, 1)
    while (got.at(-1) !== 'live') got.push(await text(client))
    const behind = got.slice(got.indexOf('begin 2') + 1)
    t.notOk(behind.some(one => one.startsWith('before')), `no mixture: ${got.map(one => one.slice(0, 10)).join()}`)
    t.strictSame(await textsSoFar({ socket, client }), [])
  })
}

test('what was pending when messages were lost is not given after begin', async t => {
  const { here, there, store } = await losing(t)
  const { socket, client } = await here.open()
  let calls = 0
  await socket.subscribe(here.topics, { begin: () => { socket.send(`begin ${++calls}`) } })
  t.equal(await text(client), 'begin 1')
  const letGo = here.driver.holdAnnouncements()
  for (let i = 0; i < 3; i++) await there.topics.publish(`before ${i}`)
  store.flush()
  await there.topics.publish('after')
  letGo()
  await until(() => calls === 2)
  await there.topics.publish('live')
  const got = []
  do got.push(await text(client)); while (got.at(-1) !== 'live')
  t.strictSame(got.slice(got.indexOf('begin 2')), ['begin 2', 'live'])
})

/** How often something is done in one turn of the event loop at most, until it has been done so often. */
async function mostInOneTurn (done: () => number, total: number): Promise<number> {
  let most = 0
  for (let before = done(); before < total;) {
    await turn()
    most = Math.max(most, done() - before)
    before = done()
  }
  return most
}

for (const hasBegin of [true, false]) {
  test(`lost for many: ${hasBegin ? 'begin is called again' : 'connections are closed'}, for a few milliseconds a turn`, async t => {
    const { here, lose } = await losing(t)
    let told = 0
    /** As long as it may take to make a snapshot. */
    function work (): void {
      told++
      for (const end = performance.now() + 2; performance.now() < end;);
    }
    const count = 40
    for (let i = 0; i < count; i++) {
      const { socket } = await here.inject()
      await socket.subscribe(here.topics, hasBegin ? { begin: () => { work() } } : {})
      if (!hasBegin) socket.on('error', () => { work() })
    }
    told = 0
    void lose()
    const most = await mostInOneTurn(() => told, count)
    t.ok(most <= 6, `${most} in one turn`)
    t.equal(lostOf(here), count)
  })
}
