import assert from 'node:assert/strict'
import type { Engine, EngineSink, Member, Numbered, Part, Retention } from '../backplane/engine.ts'
import { Listening } from './listening.ts'
import { type Pass, until } from './waiting.ts'
import { clauses, longKept, type Store, type Subject, type World } from './world.ts'

/** What a process has been told. */
interface Heard extends Numbered<string> {
  readonly topic: string
}

/** A process with an engine. */
export class EngineProcess extends Listening<Heard> implements EngineSink<string> {
  readonly engine: Engine<string>
  /** The topics and ids of members that it was told to be gone. */
  readonly gone: string[] = []
  readonly signals: string[] = []
  /** What it should not have been told, unless a test has seen to it. */
  alarms: string[] = []
  /** Called when it is told something. */
  onHeard: (message: string) => void = () => {}

  constructor (engine: Engine<string>, pass: Pass, retention: Retention) {
    super(pass, retention)
    this.engine = engine
  }

  onMessage (topic: string, { message, seq, at }: Numbered<string>): void {
    this.heard.push({ topic, message, seq, at })
    this.onHeard(message)
  }

  onGone (topic: string, { id }: Member): void {
    this.gone.push(`${topic} ${id}`)
  }

  onSignal (bytes: Uint8Array): void {
    this.signals.push(Buffer.from(bytes).toString())
  }

  onLost (topic: string): void {
    this.alarms.push(`messages of ${topic} are missing`)
  }

  onBack (topic: string, { id }: Member): void {
    this.alarms.push(`${id} is back in ${topic}`)
  }

  onState (state: string): void {
    this.alarms.push(`the engine is ${state}`)
  }

  /** @returns what it should not have been told until now */
  takeAlarms (): string[] {
    const alarms = this.alarms
    this.alarms = []
    return alarms
  }

  protected async ask (topic: string, retention: Retention | null): Promise<void> {
    await this.engine.subscribe(topic, retention)
    await this.engine.publish(topic, '', retention, null)
  }

  protected leave (topic: string): void {
    this.engine.unsubscribe(topic)
  }

  /** Publishes one after the other. */
  async publishAll (topic: string, messages: readonly string[], retention: Retention | null): Promise<Array<{ readonly at: string }>> {
    const answers = []
    for (const message of messages) answers.push(await this.engine.publish(topic, message, retention, null))
    return answers
  }
}

/** Several processes, of which each test only sees those that it asks for. */
export interface EngineSetting {
  readonly ttl: number
  /** The first process. */
  readonly process: EngineProcess
  /** Another one, connected to the same store. */
  another (): Promise<EngineProcess>
  /** One that is connected to another store. */
  elsewhere (): Promise<EngineProcess>
  /** Lets as many ttl pass. */
  pass (ttls: number): Promise<void>
  /** Waits until something has come true. */
  until (isTrue: () => boolean | Promise<boolean>, what: string): Promise<void>
  /** Lets milliseconds pass. */
  readonly passTime: Pass
  /** Milliseconds that the members of a process stay of which nothing is heard any more. */
  readonly lease: number
  /** Milliseconds that those of a closed process stay. */
  readonly grace: number
  /** As many messages, for longer than a test takes. */
  keep (size: number): Retention
  /** As many, for the ttl of the tests. */
  brief (size: number): Retention
  future (at: string): string
  readonly ttlPerMessage: boolean
  /** Members as they are to be compared: in their order, if it is promised. */
  listed (members: readonly Member[]): Member[]
  /** Nothing gets from a process to the store or back. */
  cut (process: EngineProcess): Promise<void>
  mend (process: EngineProcess): Promise<void>
  stop (): Promise<void>
  resume (): Promise<void>
  flush (): Promise<void>
  save (): Promise<() => Promise<void>>
  /** The end of a test. */
  verify (): void
}

export async function engineSetting (subject: Subject<Engine<string>>, world: World<Engine<string>>): Promise<EngineSetting> {
  const { ttl, lease, grace, weaker, future } = subject
  const processes: EngineProcess[] = []
  const open = async (store: Store<Engine<string>>) => {
    const process = new EngineProcess(await store.connect(), world.pass, longKept(5))
    processes.push(process)
    await process.engine.open(process)
    return process
  }
  const store = await world.store()
  return {
    ttl,
    lease,
    grace,
    passTime: world.pass,
    process: await open(store),
    another: () => open(store),
    elsewhere: async () => open(await world.store()),
    pass: ttls => world.pass(ttls * ttl),
    until: (isTrue, what) => until(isTrue, what, world.pass),
    keep: longKept,
    brief: size => ({ size, ttl }),
    future: at => future!(at),
    ttlPerMessage: weaker.ttlPerMessage === true,
    listed: members => weaker.roughJoinOrder === true ? [...members].sort((one, other) => one.id.localeCompare(other.id)) : [...members],
    cut: ({ engine }) => store.cut(engine),
    mend: ({ engine }) => store.mend(engine),
    stop: () => store.stop(),
    resume: () => store.resume(),
    flush: () => store.flush(),
    save: () => store.save(),
    verify () {
      for (const { alarms } of processes) assert.deepEqual(alarms, [])
    }
  }
}

/** A list that a file fills with its clauses. */
export const engineClauses = clauses<EngineSetting>

/** The messages alone. */
export function texts (found: Found): string[] | null {
  return listOf(found)?.map(({ message }) => message) ?? null
}

/** Without what an engine may have added. */
export function plain (found: Found): Array<Numbered<string>> {
  const list = listOf(found)
  assert.ok(list !== null, 'the position is known')
  return list.map(({ message, seq, at }) => ({ message, seq, at }))
}

/** What an engine has answered. */
type Found = ReadonlyArray<Numbered<string>> | Part<string> | null

function listOf (found: Found): ReadonlyArray<Numbered<string>> | null {
  return found !== null && 'messages' in found ? found.messages : found
}

/** @returns whether each number is larger than the one before */
export function rises (found: ReadonlyArray<{ readonly seq: number }>): boolean {
  return found.every(({ seq }, i) => i === 0 || seq > found[i - 1]!.seq)
}
