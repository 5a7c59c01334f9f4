import { backplaneTests, type BackplaneTestOptions, type WeakerPromises } from 'fastify-sockets/backplane-tests'
import { test } from 'tap'
import type { AnnouncedPlace, BackplaneEvents, OutgoingMessage, Place, Retention, SubscribedTopic } from '../../types/backplane.ts'
import { turns } from '../support/late-engine.ts'
import { FakeDriver } from './fake-driver.ts'
import { FakeStore } from './fake-store.ts'
import { fakeOptions } from './subjects.ts'

type Options = BackplaneTestOptions<FakeStore, { driver: FakeDriver }>

/** The tests of a driver that is made in this way. */
function testsOf (make: (store: FakeStore) => FakeDriver, more: Partial<Options> = {}) {
  return backplaneTests({ ...fakeOptions(), connect: store => ({ driver: make(store) }), ...more })
}

/** What each driver does wrong, and words of a test that must find it. */
const FAULTS: Array<[fault: string, found: string, Driver: new (store: FakeStore) => FakeDriver]> = [
  ['every announcement is next to every place', 'isNext() tells gaps', class extends FakeDriver {
    override isNext (): boolean { return true }
  }],
  ['none is', 'isNext() takes places', class extends FakeDriver {
    override isNext (): boolean { return false }
  }],
  ['a gap is told by the number alone', 'with an older state', class extends FakeDriver {
    override isNext (last: Place, announced: AnnouncedPlace): boolean { return announced.seq === last.seq + 1 }
  }],
  ['messages of one call come in another order', 'one call publishes to many topics', class extends FakeDriver {
    override publish (messages: readonly OutgoingMessage[]): void { super.publish(messages.toReversed()) }
  }],
  ['each message is answered twice', 'each message has one answer', class extends FakeDriver {
    override publish (messages: readonly OutgoingMessage[]): void {
      super.publish(messages.map(one => ({ ...one, done (at) { for (let i = 0; i < 2; i++) one.done(at) }, failed: one.failed })))
    }
  }],
  ['bytes are read from the beginning of their memory', 'any bytes are announced', class extends FakeDriver {
    override publish (messages: readonly OutgoingMessage[]): void {
      super.publish(messages.map(one => ({
        topic: one.topic, bytes: new Uint8Array(one.bytes.buffer, 0, one.bytes.length), retention: one.retention, id: one.id,
        done: at => one.done(at), failed: error => one.failed(error)
      })))
    }
  }],
  ['subscribing answers in another order', 'one call subscribes to many topics', class extends FakeDriver {
    override async subscribe (topics: readonly SubscribedTopic[]): Promise<Array<Place | null>> {
      return (await super.subscribe(topics)).toReversed()
    }
  }],
  ['it leaves out a topic that it has not been told to', 'one call subscribes to many topics', class extends FakeDriver {
    override unsubscribe (topics: readonly string[]): void { super.unsubscribe([...topics, '300']) }
  }],
  ['it does not read on from where it stopped', 'isNext() takes places', class extends FakeDriver {
    override async read (topic: string, retention: Retention, after: string, limit: number) {
      const part = await super.read(topic, retention, after, limit)
      return part === null ? null : { ...part, upTo: { ...part.upTo, at: after } }
    }
  }],
  ['any text is a position', 'of a store that has forgotten everything', class extends FakeDriver {
    override async read (topic: string, retention: Retention, after: string, limit: number) {
      return await super.read(topic, retention, after, limit) ?? { messages: [], upTo: { seq: 0, at: after } }
    }
  }],
  ['it tells something too early', 'topics without a retention', class extends FakeDriver {
    override open (events: BackplaneEvents): Promise<void> {
      events.onState('up', null)
      return super.open(events)
    }
  }],
  ['it tells something when it is closed', 'closed, it tells nothing', class extends FakeDriver {
    override async close (): Promise<void> {
      await super.close()
      this.events.onState('down', new Error('closed'))
    }
  }],
  ['nothing is ever answered', 'closed, it tells nothing', class extends FakeDriver {
    override async count (topic: string): Promise<number> {
      return super.count(topic).catch(() => new Promise(() => {}))
    }
  }],
  ['an outage is told as an empty answer', 'whoever is cut off', class extends FakeDriver {
    override count (topic: string): Promise<number> { return super.count(topic).catch(() => 0) }
  }],
  ['whoever is gone is told twice', 'not heard of any more', class extends FakeDriver {
    override open (events: BackplaneEvents): Promise<void> {
      const { onGone } = events
      events.onGone = (...args) => {
        for (let i = 0; i < 2; i++) onGone.apply(events, args)
      }
      return super.open(events)
    }
  }],
  ['who could not leave at first is told of to nobody', 'whoever leaves, or joins in vain', class extends FakeDriver {
    override async leave (topic: string, id: string): Promise<boolean> {
      const { onGone } = this.events
      return super.leave(topic, id).catch(error => {
        this.events.onGone = (...args) => { if (args[1].id !== id) onGone.apply(this.events, args) }
        throw error
      })
    }
  }],
  ['what waited is sent once more', 'a call that waits in vain', class extends FakeDriver {
    override publish (messages: readonly OutgoingMessage[]): void {
      super.publish(messages.map(one => ({
        topic: one.topic, bytes: one.bytes, retention: one.retention, id: one.id, done: at => one.done(at),
        failed: reason => {
          one.failed(reason)
          void turns(20).then(() => super.publish([{ ...one, done () {}, failed () {} }]))
        }
      })))
    }
  }],
  ['the lag is no number', 'the lag is unknown', class extends FakeDriver {
    override get lag (): number { return NaN }
  }],
  ['messages are announced twice', 'announces nothing twice', class extends FakeDriver {
    override open (events: BackplaneEvents): Promise<void> {
      this.doubling = 1
      return super.open(events)
    }
  }]
]

for (const [fault, found, Driver] of FAULTS) {
  test(`it is found if ${fault}`, async t => {
    const { run } = testsOf(store => new Driver(store)).find(({ name }) => name.includes(found))!
    await t.rejects(run(), { code: 'ERR_ASSERTION' })
  })
}

test('it is found if an engine is told what it should not be told', async t => {
  class Faulty extends FakeDriver {
    override async count (topic: string): Promise<number> {
      this.events.onBack(topic, { id: 'ann', info: '' })
      return super.count(topic)
    }
  }
  const { run } = testsOf(store => new Faulty(store)).find(({ name }) => name === 'topics: a topic has no members until somebody joins')!
  await t.rejects(run(), { code: 'ERR_ASSERTION' })
})

test('every test has another name', async t => {
  const names = backplaneTests(fakeOptions()).map(({ name }) => name)
  t.equal(new Set(names).size, names.length)
  t.ok(names.length > 80)
})

test('what nobody can do to a store, and what is not promised, is not tested', async t => {
  const { createStore, connect, lease, grace } = fakeOptions()
  const bare = backplaneTests({ createStore, connect, lease, grace }).map(({ name }) => name)
  const all = backplaneTests(fakeOptions()).map(({ name }) => name)
  t.ok(bare.every(name => all.includes(name)))
  for (const words of ['cut off', 'waits in vain', 'forgotten', 'older state', 'has not been reached']) {
    t.ok(all.some(name => name.includes(words)), words)
    t.notOk(bare.some(name => name.includes(words)), words)
  }
  const weaker = { idsByTime: true, roughJoinOrder: true, lateCalls: true }
  const weak = backplaneTests({ ...fakeOptions(), weaker }).map(({ name }) => name)
  t.strictSame(all.filter(name => !weak.includes(name)), [
    'a driver: a call that waits in vain is rejected in time, and does not happen when the store goes on',
    'topics: an id is published again when its message has made room for others',
    'topics: an id is published again when its message has gone with time',
    'topics: members come in the order in which they joined'
  ])
})

test('members may come in another order, where none is promised', async t => {
  class Rough extends FakeDriver {
    override async members (topic: string) {
      return (await super.members(topic)).toReversed()
    }
  }
  const name = 'topics: a member is told once, with what it told last, however often it joins'
  const run = (weaker: WeakerPromises) => testsOf(store => new Rough(store), { weaker }).find(one => one.name === name)!.run()
  await run({ roughJoinOrder: true })
  await t.rejects(run({}), { code: 'ERR_ASSERTION' })
})

test('each message may go by itself, where they need not go together', async t => {
  class Early extends FakeDriver {
    readonly #published = new Map<string, number>()

    override publish (messages: readonly OutgoingMessage[]): void {
      for (const { bytes } of messages) this.#published.set(Buffer.from(bytes).toString(), performance.now())
      super.publish(messages)
    }

    override async last (topic: string, retention: Retention, limit: number) {
      const messages = await super.last(topic, retention, limit)
      return messages.filter(({ bytes }) => performance.now() - this.#published.get(Buffer.from(bytes).toString())! < retention.ttl)
    }
  }
  const name = 'topics: messages are kept for their ttl, which begins anew for the topic with each of them'
  const run = (weaker: WeakerPromises) => testsOf(store => new Early(store), { weaker }).find(one => one.name === name)!.run()
  await run({ ttlPerMessage: true })
  await t.rejects(run({}), { code: 'ERR_ASSERTION' })
})

test('by default, time passes by itself, and there is nothing to clean up', async t => {
  const tests = backplaneTests({
    createStore: () => new FakeStore({ lease: 500, grace: 100 }),
    connect: store => ({ driver: new FakeDriver(store) }),
    lease: 500,
    grace: 100
  })
  const begin = performance.now()
  await tests.find(({ name }) => name.includes('the lag is unknown'))!.run()
  t.ok(performance.now() - begin > 1000)
})

test('a test that fails leaves nothing cut, nothing stopped and nobody connected', async t => {
  const left: string[] = []
  const options = fakeOptions()
  class Faulty extends FakeDriver {
    override count (topic: string): Promise<number> { return super.count(topic).catch(() => 0) }
    override async close (): Promise<void> {
      left.push('closed')
      await super.close()
    }
  }
  const tests = backplaneTests({
    ...options,
    connect: store => ({ driver: new Faulty(store) }),
    disconnect: () => { left.push('disconnected') },
    removeStore (store) {
      left.push(store.isStopped ? 'still stopped' : 'removed')
      return options.removeStore!(store)
    },
    link: { cut: options.link!.cut, mend: process => { left.push('mended'); options.link!.mend(process) } }
  })
  await t.rejects(tests.find(({ name }) => name.includes('whoever is cut off'))!.run(), { code: 'ERR_ASSERTION' })
  t.strictSame(left, ['mended', 'closed', 'disconnected', 'closed', 'disconnected', 'removed'])
  left.length = 0
  await t.rejects(tests.find(({ name }) => name.includes('waits in vain'))!.run(), { code: 'ERR_ASSERTION' })
  t.strictSame(left, ['closed', 'disconnected', 'removed'])
})
