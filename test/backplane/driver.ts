import { type Test, test } from 'tap'
import type { Engine, EngineSink, Numbered, Part, Retention, Top } from '../../lib/backplane/engine.ts'
import { until } from '../support/until.ts'

/** Where the tests of the contract get the engines of one kind from. */
export interface Driver {
  readonly name: string
  /** Milliseconds: the ttl of the tests. Half of it is much longer than a few calls take. */
  readonly ttl: number
  /** Whether several processes can be connected to one store. The tests for that only exist for engines that can. */
  readonly isShared: boolean
  /** A position like this one, of the next message but one that may yet come. */
  future (at: string): string
  begin (t: Test): Promise<World>
}

/** Stores, and the time that passes for them, until the end of a test. */
export interface World {
  /** A new store, with nothing in it. */
  store (): Promise<Store>
  pass (milliseconds: number): Promise<void>
}

export interface Store {
  /** An engine as another process has it, connected to this store, but not open yet. */
  connect (): Promise<Engine<string>>
}

/** What a process has been told. */
interface Heard extends Numbered<string> {
  readonly topic: string
}

/** A process with an engine. */
export class Process implements EngineSink<string> {
  readonly engine: Engine<string>
  readonly heard: Heard[] = []
  /** Called when it is told something. */
  onHeard: (message: string) => void = () => {}

  constructor (engine: Engine<string>) {
    this.engine = engine
  }

  onMessage (topic: string, { message, seq, at }: Numbered<string>): void {
    this.heard.push({ topic, message, seq, at })
    this.onHeard(message)
  }

  /** What it has been told of a topic. */
  heardOf (topic: string): Heard[] {
    return this.heard.filter(one => one.topic === topic)
  }

  /** Waits until it has been told so many messages of a topic, and looks whether there were more. */
  async hears (topic: string, count: number): Promise<Heard[]> {
    await until(() => this.heardOf(topic).length >= count, `${count} messages of ${topic}`)
    await this.settle()
    return this.heardOf(topic)
  }

  /** What was published before has been announced here. */
  async settle (): Promise<void> {
    const topic = `settled ${settled++}`
    await this.engine.subscribe(topic, null)
    await this.engine.publish(topic, '', null, null)
    await until(() => this.heardOf(topic).length === 1)
    this.engine.unsubscribe(topic)
  }

  /** Publishes one after the other. */
  async publishAll (topic: string, messages: readonly string[], retention: Retention | null): Promise<Top[]> {
    const tops = []
    for (const message of messages) tops.push(await this.engine.publish(topic, message, retention, null))
    return tops
  }
}

let settled = 0

/** Several processes, of which each test only sees those that it asks for. */
export interface Setting {
  readonly t: Test
  readonly world: World
  readonly store: Store
  /** The first process. */
  readonly process: Process
  /** Another one, connected to the same store. */
  another (): Promise<Process>
  /** Lets as many ttl pass. */
  pass (ttls: number): Promise<void>
  /** As many messages, for the ttl of the tests. */
  keep (size: number): Retention
}

export async function open (t: Test, store: Store): Promise<Process> {
  const process = new Process(await store.connect())
  await process.engine.open(process)
  t.teardown(() => process.engine.close())
  return process
}

/** A test of the contract. */
export function clause (driver: Driver, what: string, run: (setting: Setting) => Promise<void>): void {
  test(`${driver.name}: ${what}`, async t => {
    const world = await driver.begin(t)
    const store = await world.store()
    await run({
      t,
      world,
      store,
      process: await open(t, store),
      another: () => open(t, store),
      pass: ttls => world.pass(ttls * driver.ttl),
      keep: size => ({ size, ttl: driver.ttl })
    })
  })
}

/** The messages alone. */
export function texts (found: Found): string[] | null {
  return listOf(found)?.map(({ message }) => message) ?? null
}

/** Without what an engine may have added. */
export function plain (found: Found): Array<Numbered<string>> | null {
  return listOf(found)?.map(({ message, seq, at }) => ({ message, seq, at })) ?? null
}

/** What an engine has answered. */
type Found = ReadonlyArray<Numbered<string>> | Part<string> | null

function listOf (found: Found): ReadonlyArray<Numbered<string>> | null {
  return found !== null && 'messages' in found ? found.messages : found
}

/** `1`, `2`, … */
export function count (size: number, from = 1): string[] {
  return Array.from({ length: size }, (_, i) => String(from + i))
}
