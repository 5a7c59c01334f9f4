import type { Test } from 'tap'
import type { EngineSink, EngineState, Member, Numbered, Retention, Top } from '../../lib/backplane/engine.ts'
import type { MessageCodec } from '../../lib/backplane/following.ts'
import { RemoteEngine } from '../../lib/backplane/remote.ts'
import { type Clock, fakeClock } from '../support/clock.ts'
import { turns } from '../support/late-engine.ts'
import { until } from '../support/until.ts'
import { fakeBackplane, type FakeDriver } from './fake-driver.ts'
import { FakeStore, type FakeStoreOptions } from './fake-store.ts'

export const KEPT: Retention = { size: 100, ttl: 60_000 }

/** What no version can read. */
export const UNREADABLE = Buffer.from([0])

/** Messages are texts. */
const codec: MessageCodec<string> = {
  encode (message, room) {
    if (message === 'not encodable') throw new TypeError(message)
    return Buffer.concat([Buffer.alloc(room), Buffer.from(message)])
  },
  decode: bytes => bytes[0] === 0 ? null : Buffer.from(bytes).toString()
}

/** What a process was told of a topic: a message, or null if some were lost. */
export interface Told extends Top {
  readonly topic: string
  readonly message: string | null
}

/** A process with an engine over a driver that does what a test wants. */
export class Process implements EngineSink<string> {
  readonly engine: RemoteEngine<string>
  readonly driver: FakeDriver
  told: Told[] = []
  readonly members: string[] = []
  readonly signals: string[] = []
  readonly states: string[] = []

  constructor (store: FakeStore) {
    let made!: FakeDriver
    this.engine = new RemoteEngine(fakeBackplane(store, driver => { made = driver }), codec)
    this.driver = made
  }

  onMessage (topic: string, { message, seq, at }: Numbered<string>): void {
    this.told.push({ topic, message, seq, at })
  }

  onLost (topic: string, { seq, at }: Top): void {
    this.told.push({ topic, message: null, seq, at })
  }

  onGone (topic: string, { id, info }: Member): void {
    this.members.push(`gone ${topic} ${id} ${JSON.stringify(info)}`)
  }

  onBack (topic: string, { id, info }: Member): void {
    this.members.push(`back ${topic} ${id} ${JSON.stringify(info)}`)
  }

  onSignal (bytes: Uint8Array): void {
    this.signals.push(Buffer.from(bytes).toString())
  }

  onState (state: EngineState, error: Error | null): void {
    this.states.push(error === null ? state : `${state}: ${error.message}`)
  }

  /** The messages of a topic; `(lost)` where some are missing. */
  texts (topic = 'a'): string[] {
    return this.told.filter(one => one.topic === topic).map(({ message }) => message ?? '(lost)')
  }

  /** Waits until it was told the last of these, and then looks whether there was anything else. */
  async hears (t: Test, expected: string[], topic = 'a'): Promise<void> {
    await until(() => this.texts(topic).length >= expected.length, `${expected.length} messages of ${topic}`)
    await turns(30)
    t.strictSame(this.texts(topic), expected)
    const numbers = this.told.filter(one => one.topic === topic).map(({ seq }) => seq)
    t.ok(numbers.every((seq, i) => i === 0 || seq > numbers[i - 1]!), `numbers rise: ${numbers.join(' ')}`)
  }

  publish (message: string, topic = 'a', retention: Retention | null = KEPT): Promise<{ at: string }> {
    return this.engine.publish(topic, message, retention, null)
  }

  /** One after the other. */
  async publishAll (messages: readonly string[], topic = 'a', retention: Retention | null = KEPT): Promise<string[]> {
    const positions = []
    for (const message of messages) positions.push((await this.publish(message, topic, retention)).at)
    return positions
  }

  /** What the driver was asked, if it begins with that. */
  calls (beginning: string): string[] {
    return this.driver.calls.filter(call => call.startsWith(beginning))
  }

  /** Its connection is cut, and then there again. */
  async cut (whileDown: () => unknown = () => {}): Promise<void> {
    this.driver.goDown()
    await turns(5)
    await whileDown()
    this.driver.comeUp()
    await this.isUp()
  }

  async isUp (): Promise<void> {
    await until(() => this.engine.state === 'up', 'the engine can be reached')
  }
}

/** Processes of one store, closed when the test ends. */
export async function processes (t: Test, count: number, options: FakeStoreOptions = {}): Promise<{ store: FakeStore, all: Process[] }> {
  const store = new FakeStore(options)
  const all = Array.from({ length: count }, () => new Process(store))
  for (const one of all) await one.engine.open(one)
  t.teardown(() => Promise.all(all.map(({ engine }) => engine.close())))
  return { store, all }
}

/** Two of them, of which the first is subscribed to `a`, and the other publishes. */
export async function pair (t: Test, retention: Retention | null = KEPT) {
  const { store, all: [here, there] } = await processes(t, 2)
  await here!.engine.subscribe('a', retention)
  return { store, here: here!, there: there! }
}

/** `m1`, `m2` and so on. */
export function numbered (count: number, start = 1): string[] {
  return Array.from({ length: count }, (_, i) => `m${start + i}`)
}

/** The messages of an answer. */
export function textsOf (part: { readonly messages: ReadonlyArray<Numbered<string>> } | null): string[] | null {
  return part === null ? null : part.messages.map(({ message }) => message)
}

/** A clock that stands still, once what an earlier test has left is over. */
export async function stillClock (t: Test): Promise<Clock> {
  await turns(2)
  return fakeClock(t, 'performance')
}
