import type { Engine, EngineSink, Member, Numbered, Retention, Top } from '../../lib/backplane/engine.ts'
import { MemoryEngine } from '../../lib/backplane/memory.ts'
import { turn } from '../support/until.ts'

/** Milliseconds that the members of a closed process stay. */
export const GRACE = 5000

/** What processes share. */
class Shared implements EngineSink<string> {
  readonly engine = new MemoryEngine<string>()
  readonly processes = new Set<SharedProcess>()
  /** The processes that each member is in, by topic and id. */
  readonly places = new Map<string, Set<SharedProcess>>()

  constructor () {
    void this.engine.open(this)
  }

  // Whatever else an engine in memory might say, none of it happens there.
  onLost (): void {}
  onGone (): void {}
  onBack (): void {}
  onSignal (): void {}
  onState (): void {}

  onMessage (topic: string, numbered: Numbered<string>): void {
    for (const process of this.processes) process.announce(topic, numbered)
  }

  placesOf (topic: string, id: string): Set<SharedProcess> {
    const key = JSON.stringify([topic, id])
    const places = this.places.get(key) ?? new Set()
    this.places.set(key, places)
    return places
  }
}

/**
 * One of several processes that share topics. As with a store elsewhere, each call takes a while to arrive there, and so does the
 * answer; announcements come by another way, before the answer or behind it.
 */
class SharedProcess implements Engine<string> {
  readonly name = 'shared memory'
  readonly state = 'up'
  readonly lag = null
  readonly #shared: Shared
  #sink: EngineSink<string> | null = null
  readonly #subscribed = new Set<string>()
  readonly #joined = new Map<string, { topic: string, id: string }>()
  #announcing = Promise.resolve()

  constructor (shared: Shared) {
    this.#shared = shared
    shared.processes.add(this)
  }

  async open (sink: EngineSink<string>): Promise<void> {
    this.#sink = sink
  }

  async whenUp (): Promise<void> {
    // It always is.
  }

  announce (topic: string, numbered: Numbered<string>): void {
    if (!this.#subscribed.has(topic)) return
    this.#announcing = this.#announcing.then(async () => {
      if (numbered.seq % 4 === 0) await turn()
      if (this.#subscribed.has(topic)) this.#sink?.onMessage(topic, numbered)
    })
  }

  publish (topic: string, message: string, retention: Retention | null, id: string | null): Promise<{ at: string }> {
    return this.#call(engine => engine.publish(topic, message, retention, id))
  }

  subscribe (topic: string, retention: Retention | null): Promise<Top> {
    return this.#call(async engine => {
      this.#subscribed.add(topic)
      const top = await engine.subscribe(topic, retention)
      await this.#announcing
      return top
    })
  }

  unsubscribe (topic: string): void {
    this.#subscribed.delete(topic)
    void this.#call(async engine => {
      const isElsewhere = [...this.#shared.processes].some(process => process.#subscribed.has(topic))
      if (!isElsewhere) engine.unsubscribe(topic)
    })
  }

  read (topic: string, retention: Retention, after: string, limit: number) {
    return this.#call(engine => engine.read(topic, retention, after, limit))
  }

  last (topic: string, retention: Retention, limit: number) {
    return this.#call(engine => engine.last(topic, retention, limit))
  }

  join (topic: string, member: Member): Promise<boolean> {
    return this.#call(engine => {
      this.#shared.placesOf(topic, member.id).add(this)
      this.#joined.set(JSON.stringify([topic, member.id]), { topic, id: member.id })
      return engine.join(topic, member)
    })
  }

  leave (topic: string, id: string): Promise<boolean> {
    return this.#call(async engine => {
      const places = this.#shared.placesOf(topic, id)
      return places.delete(this) && places.size === 0 && engine.leave(topic, id)
    })
  }

  members (topic: string): Promise<Member[]> {
    return this.#call(engine => engine.members(topic))
  }

  count (topic: string): Promise<number> {
    return this.#call(engine => engine.count(topic))
  }

  async signal (bytes: Uint8Array): Promise<void> {
    await this.#call(async () => {
      for (const other of this.#shared.processes) if (other !== this) other.#sink?.onSignal(bytes)
    })
  }

  /** Its members go later, and one of the others learns of those that are in no other. */
  async close (): Promise<void> {
    this.#sink = null
    this.#subscribed.clear()
    if (!this.#shared.processes.delete(this)) return
    if (this.#shared.processes.size === 0) await this.#shared.engine.close()
    else setTimeout(() => { void this.#go() }, GRACE).unref()
  }

  async #go (): Promise<void> {
    for (const { topic, id } of this.#joined.values()) {
      const member = (await this.members(topic)).find(one => one.id === id)!
      if (!await this.leave(topic, id)) continue
      for (const witness of [...this.#shared.processes].slice(0, 1)) witness.#sink?.onGone(topic, member)
    }
  }

  async #call<Answer> (run: (engine: MemoryEngine<string>) => Promise<Answer>): Promise<Answer> {
    await turn()
    const answer = await run(this.#shared.engine)
    await turn()
    return answer
  }
}

/** A function that connects another process. */
export function sharedMemory (): () => Engine<string> {
  const shared = new Shared()
  return () => new SharedProcess(shared)
}
