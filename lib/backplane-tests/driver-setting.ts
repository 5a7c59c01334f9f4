import assert from 'node:assert/strict'
import type {
  AnnouncedPlace, BackplaneDriver, BackplaneEvents, OutgoingMessage, Place, Retention, StoredMember, StoredMessage
} from '../../types/backplane.ts'
import { Listening } from './listening.ts'
import { type Pass, until } from './waiting.ts'
import { clauses, longKept, type Store, type Subject, type WeakerPromises, type World } from './world.ts'

/** Milliseconds in which every call is answered or rejected. */
const DEADLINE = 5000

/** A process's part of a store, as whoever runs the tests hands it over. */
export interface TestProcess {
  readonly driver: BackplaneDriver
}

/** What a process has been told. */
interface Heard {
  readonly topic: string
  readonly text: string
  readonly place: AnnouncedPlace | null
}

/** A process with a driver, which keeps what it is told. */
export class DriverProcess extends Listening<Heard> implements BackplaneEvents {
  readonly driver: BackplaneDriver
  readonly signals: string[] = []
  /** Members, as `topic id info`. */
  readonly gone: string[] = []
  readonly back: string[] = []
  readonly states: string[] = []
  /** How much it was told before it was open. */
  early = 0
  #isOpen = false

  constructor (driver: BackplaneDriver, pass: Pass, retention: Retention) {
    super(pass, retention)
    this.driver = driver
  }

  async open (): Promise<void> {
    await this.driver.open(this)
    this.#isOpen = true
  }

  onMessage (topic: string, bytes: Uint8Array, place: AnnouncedPlace | null): void {
    this.#told(this.heard, { topic, text: textOf(bytes), place })
  }

  onSignal (bytes: Uint8Array): void {
    this.#told(this.signals, textOf(bytes))
  }

  onGone (topic: string, { id, info }: StoredMember): void {
    this.#told(this.gone, `${topic} ${id} ${info}`)
  }

  onBack (topic: string, { id, info }: StoredMember): void {
    this.#told(this.back, `${topic} ${id} ${info}`)
  }

  onState (state: 'up' | 'down', error: Error | null): void {
    this.#told(this.states, error === null ? state : `${state}: ${error.message}`)
  }

  /** Whether it was told last that the store cannot be reached. */
  get isDown (): boolean {
    return this.states.at(-1)?.startsWith('down') ?? false
  }

  protected async ask (topic: string, retention: Retention | null): Promise<void> {
    await this.subscribe(topic, retention)
    await this.publish(topic, '', retention)
  }

  protected leave (topic: string): void {
    this.driver.unsubscribe([topic])
  }

  /** @returns where the topic stands */
  async subscribe (topic: string, retention: Retention | null): Promise<Place | null> {
    const places = await this.driver.subscribe([{ topic, retention }])
    assert.equal(places.length, 1)
    return places[0]!
  }

  /** @returns the position */
  async publish (topic: string, text: string, retention: Retention | null, id: string | null = null): Promise<string> {
    const [at] = await this.publishAll([{ topic, text, retention, id }])
    return at!
  }

  /** With one call. @returns the positions */
  publishAll (messages: ReadonlyArray<{ topic: string, text: string, retention: Retention | null, id?: string | null }>): Promise<string[]> {
    const outgoing: OutgoingMessage[] = []
    const answers = messages.map(({ topic, text, retention, id = null }) => new Promise<string>((done, failed) => {
      outgoing.push({ topic, bytes: bytesOf(text), retention, id, done, failed })
    }))
    this.driver.publish(outgoing)
    return Promise.all(answers)
  }

  #told<What> (list: What[], what: What): void {
    if (!this.#isOpen) this.early++
    list.push(what)
  }
}

export interface DriverSetting {
  readonly weaker: WeakerPromises
  /** The first process. */
  readonly process: DriverProcess
  another (): Promise<DriverProcess>
  /** A process that has opened nothing yet. */
  unopened (): Promise<DriverProcess>
  /** In milliseconds. */
  readonly ttl: number
  readonly lease: number
  readonly grace: number
  /** Lets milliseconds pass. */
  readonly pass: Pass
  until (isTrue: () => boolean | Promise<boolean>, what: string): Promise<void>
  /** Waits until a call has been answered or rejected, 5 s unless told otherwise. @returns its outcome */
  inTime<Answer> (call: Promise<Answer>, what: string, deadline?: number): Promise<PromiseSettledResult<Answer>>
  /** As many messages, for longer than a test takes. */
  keep (size: number): Retention
  /** As many, for the ttl of the tests. */
  brief (size: number): Retention
  cut (process: DriverProcess): Promise<void>
  mend (process: DriverProcess): Promise<void>
  stop (): Promise<void>
  resume (): Promise<void>
  flush (): Promise<void>
  save (): Promise<() => Promise<void>>
  /** The end of a test. */
  verify (): void
}

export async function driverSetting<Connected extends TestProcess> (
  subject: Subject<Connected>, world: World<Connected>
): Promise<DriverSetting> {
  const { ttl, lease, grace, weaker } = subject
  const { pass } = world
  const store: Store<Connected> = await world.store()
  const connected = new Map<DriverProcess, Connected>()
  const unopened = async () => {
    const one = await store.connect()
    const process = new DriverProcess(one.driver, pass, longKept(5))
    connected.set(process, one)
    return process
  }
  const another = async () => {
    const process = await unopened()
    await process.open()
    return process
  }
  return {
    weaker,
    process: await another(),
    another,
    unopened,
    ttl,
    lease,
    grace,
    pass,
    until: (isTrue, what) => until(isTrue, what, pass),
    async inTime (call, what, deadline = DEADLINE) {
      const outcomes: Array<PromiseSettledResult<Awaited<typeof call>>> = []
      void Promise.allSettled([call]).then(([outcome]) => { outcomes.push(outcome) })
      for (let passed = 0; outcomes.length === 0 && passed < deadline; passed += 50) await pass(50)
      assert.ok(outcomes.length === 1, `${what}: neither answered nor rejected within ${deadline} ms`)
      return outcomes[0]!
    },
    keep: longKept,
    brief: size => ({ size, ttl }),
    cut: process => store.cut(connected.get(process)!),
    mend: process => store.mend(connected.get(process)!),
    stop: () => store.stop(),
    resume: () => store.resume(),
    flush: () => store.flush(),
    save: () => store.save(),
    verify () {
      for (const { early } of connected.keys()) assert.equal(early, 0, 'it was told something before open() resolved')
    }
  }
}

/** A list that a file fills with its clauses. */
export const driverClauses = clauses<DriverSetting>

/** Bytes as a text of one character each. */
export function textOf (bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

/** In the middle of others, as bytes often are. */
export function bytesOf (text: string): Uint8Array {
  return Buffer.from(`before ${text} behind`, 'latin1').subarray(7, 7 + text.length)
}

export function texts (found: readonly StoredMessage[]): string[] {
  return found.map(({ bytes }) => textOf(bytes))
}
