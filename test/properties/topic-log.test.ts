import { deepEqual, equal, ok } from 'node:assert/strict'
import FakeTimers from '@sinonjs/fake-timers'
import * as fc from 'fast-check'
import type { EngineSink, Numbered, Retention } from '../../lib/backplane/engine.ts'
import { MemoryEngine } from '../../lib/backplane/memory.ts'
import { holds } from './holds.ts'

/*
 * Whatever is published, subscribed to and read, and however much time passes: the engine in memory keeps what a simple model
 * keeps, announces what it announces, never reads with a gap, and only calls a position lost when it may.
 */

/** Two of the same retention, which share what the engine knows of those that have expired. */
const TOPICS: Record<string, Retention> = {
  a: { size: 3, ttl: 100 }, b: { size: 3, ttl: 100 }, c: { size: 1, ttl: 30 }, d: { size: 100, ttl: 250 }
}

type Step =
  | { do: 'publish', topic: string, id: string | null }
  | { do: 'subscribe' | 'unsubscribe', topic: string }
  | { do: 'pass', time: number }
  /** Of all positions that anything has ever told, this one from the end. */
  | { do: 'read', topic: string, position: number, limit: number }
  | { do: 'last', topic: string, limit: number }

const topic = fc.constantFrom(...Object.keys(TOPICS))
const limit = fc.integer({ min: 1, max: 5 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('publish' as const), topic, id: fc.option(fc.constantFrom('x', 'y'), { freq: 3 })
    })
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('subscribe' as const, 'unsubscribe' as const), topic }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      time: fc.oneof(fc.integer({ min: 1, max: 120 }), fc.constantFrom(29, 30, 31, 99, 100, 101, 249, 250, 251, 1000))
    })
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('read' as const), topic, limit, position: fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 1000 }))
    })
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('last' as const), topic, limit }) }
)

interface Sent extends Numbered<string> {
  readonly id: string | null
}

/** What is known of one topic. */
class Log {
  readonly retention: Retention
  readonly sent: Sent[] = []
  /** The last of them. */
  kept: Sent[] = []
  isSubscribed = false
  /** How long each position must be good, unless something behind it goes. */
  readonly goodUntil = new Map<string, number>()
  #expires = Infinity

  constructor (retention: Retention) {
    this.retention = retention
  }

  pass (now: number): void {
    if (now >= this.#expires) this.kept = []
  }

  publish (sent: Sent, now: number): void {
    this.sent.push(sent)
    this.kept = [...this.kept, sent].slice(-this.retention.size)
    this.#expires = now + this.retention.ttl
    // Its messages keep the topic known, and for a ttl longer.
    this.#prolong(now, now + 2 * this.retention.ttl)
  }

  subscribe (now: number): void {
    this.isSubscribed = true
    this.#prolong(now, Infinity)
  }

  unsubscribe (now: number): void {
    this.isSubscribed = false
    for (const [at, end] of this.goodUntil) if (end === Infinity) this.goodUntil.set(at, now + this.retention.ttl)
  }

  /** Somebody has been told a position. */
  told (at: string, now: number): void {
    const end = this.isSubscribed ? Infinity : now + this.retention.ttl
    this.goodUntil.set(at, Math.max(end, this.goodUntil.get(at) ?? 0))
  }

  #prolong (now: number, until: number): void {
    for (const [at, end] of this.goodUntil) if (end > now && end < until) this.goodUntil.set(at, until)
  }
}

/** The engine, and the model that it is compared with after each step. */
class Run {
  readonly #clock: FakeTimers.Clock
  readonly #engine = new MemoryEngine<string>()
  readonly #logs = new Map(Object.entries(TOPICS).map(([name, retention]) => [name, new Log(retention)]))
  readonly #positions: Array<{ seq: number, at: string }> = []
  readonly #announced: string[] = []
  readonly #heard: string[] = []
  #published = 0

  constructor (clock: FakeTimers.Clock) {
    this.#clock = clock
  }

  async all (steps: readonly Step[]): Promise<void> {
    const onMessage: EngineSink<string>['onMessage'] = (topic, { message, seq }) => { this.#heard.push(`${topic} ${message} ${seq}`) }
    await this.#engine.open({ onMessage } as EngineSink<string>)
    for (const one of steps) {
      await this.#step(one)
      deepEqual(this.#heard, this.#announced)
    }
    await this.#engine.close()
    equal(this.#clock.countTimers(), 0)
  }

  async #step (step: Step): Promise<void> {
    switch (step.do) {
      case 'publish': return this.#publish(step.topic, step.id)
      case 'subscribe': return this.#subscribe(step.topic)
      case 'unsubscribe': return this.#unsubscribe(step.topic)
      case 'pass': return this.#pass(step.time)
      case 'read': return this.#read(step.topic, step.position, step.limit)
      default: {
        const { kept, retention } = this.#logs.get(step.topic)!
        same(await this.#engine.last(step.topic, retention, step.limit), kept.slice(-step.limit))
      }
    }
  }

  async #publish (topic: string, id: string | null): Promise<void> {
    const log = this.#logs.get(topic)!
    const known = id === null ? undefined : log.kept.find(one => one.id === id)
    const message = `message ${++this.#published}`
    const { seq, at } = await this.#engine.publish(topic, message, log.retention, id)
    if (known !== undefined) {
      deepEqual([seq, at], [known.seq, known.at])
      return
    }
    ok(seq > (log.sent.at(-1)?.seq ?? 0))
    log.publish({ message, seq, at, id }, this.#now)
    if (log.isSubscribed) this.#announced.push(`${topic} ${message} ${seq}`)
    this.#told(seq, at)
  }

  async #subscribe (topic: string): Promise<void> {
    const log = this.#logs.get(topic)!
    const { seq, at } = await this.#engine.subscribe(topic, log.retention)
    ok(seq >= (log.sent.at(-1)?.seq ?? 0))
    log.subscribe(this.#now)
    this.#told(seq, at)
  }

  #unsubscribe (topic: string): void {
    this.#engine.unsubscribe(topic)
    this.#logs.get(topic)!.unsubscribe(this.#now)
  }

  #pass (time: number): void {
    this.#clock.tick(time)
    for (const log of this.#logs.values()) log.pass(this.#now)
  }

  async #read (topic: string, index: number, limit: number): Promise<void> {
    const position = this.#positions.at(-1 - index)
    if (position === undefined) return
    const log = this.#logs.get(topic)!
    const found = await this.#engine.read(topic, log.retention, position.at, limit)
    const behind = log.sent.filter(({ seq }) => seq > position.seq)
    if (behind.some(one => !log.kept.includes(one))) {
      equal(found, null, 'something is missing')
    } else if (found === null) {
      ok(log.goodUntil.get(position.at)! <= this.#now, 'it is not forgotten before its time')
    } else {
      same(found.messages, behind.slice(0, limit))
      equal(found.upTo < (log.sent.at(-1)?.seq ?? 0), behind.length > limit, 'it says whether that is all')
    }
  }

  /** A position is one of all topics. */
  #told (seq: number, at: string): void {
    this.#positions.push({ seq, at })
    for (const log of this.#logs.values()) log.told(at, this.#now)
  }

  get #now (): number {
    return performance.now()
  }
}

function same (found: ReadonlyArray<Numbered<string>>, expected: readonly Sent[]): void {
  deepEqual(found.map(({ message, seq, at }) => ({ message, seq, at })), expected.map(({ message, seq, at }) => ({ message, seq, at })))
}

holds('an engine in memory keeps, announces and reads what a simple model does', 400,
  fc.asyncProperty(fc.array(step, { maxLength: 120, size: 'max' }), async steps => {
    const clock = FakeTimers.install({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    try {
      await new Run(clock).all(steps)
    } finally {
      clock.uninstall()
    }
  }))
