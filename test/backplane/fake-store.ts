import { randomBytes } from 'node:crypto'
import type { AnnouncedPlace, OutgoingMessage, Place, ReadMessages, StoredMember, StoredMessage, SubscribedTopic } from '../../types/backplane.ts'

/** A message on its way to a process. */
export interface Announcement {
  readonly topic: string
  readonly bytes: Uint8Array
  readonly place: AnnouncedPlace | null
}

/** A process as the store knows it. */
export interface Listener {
  /** What one call has published, in order. */
  announced (announcements: readonly Announcement[]): void
  signalled (bytes: Uint8Array): void
  /** The store answers again after it has been stopped. */
  onResumed (): void
}

interface Kept extends StoredMessage {
  readonly id: string | null
}

/** What is known of a topic. Positions are `epoch-number-tag`. */
interface Log {
  readonly epoch: string
  top: Place
  /** The position in front of the oldest message that is kept. */
  floor: string
  kept: Kept[]
  ttl: number
  keptUntil: number
  /** Until then, and while anybody is subscribed, its positions stay good. */
  knownUntil: number
}

interface Whereabouts {
  info: string
  /** The processes that it is in. */
  readonly processes: Set<number>
}

/** All that a server would have in its memory or on its disk. */
interface Data {
  logs: Map<string, Log>
  members: Map<string, Map<string, Whereabouts>>
  /** When each process is taken for gone. */
  leases: Map<number, number>
}

export interface FakeStoreOptions {
  /** Milliseconds after which a process that is not heard of is taken for gone. */
  readonly lease?: number
  /** Milliseconds for which the members of a closed process stay. */
  readonly grace?: number
  /** Milliseconds after which a call that was not answered is rejected. */
  readonly deadline?: number
}

/** What processes share: a server that is as reliable as the test wants it. Each call happens at once; how long it takes is up to the driver. */
export class FakeStore {
  readonly lease: number
  readonly grace: number
  readonly deadline: number
  #data = empty()
  readonly #processes: Listener[] = []
  /** Those that are connected, with the topics that are announced to them. */
  readonly #subscribed = new Map<Listener, Set<string>>()
  /** What has arrived while it was stopped, in order; null: it works. */
  #held: Array<() => void> | null = null

  constructor ({ lease = 30_000, grace = 5000, deadline = 4000 }: FakeStoreOptions = {}) {
    this.lease = lease
    this.grace = grace
    this.deadline = deadline
  }

  /** It answers nothing and announces nothing. What it is asked meanwhile, it finds when it goes on. */
  stop (): void {
    this.#held ??= []
  }

  resume (): void {
    const held = this.#held ?? []
    this.#held = null
    for (const call of held) call()
    for (const listener of this.#processes) listener.onResumed()
  }

  get isStopped (): boolean {
    return this.#held !== null
  }

  /** Forgets everything that it keeps. Whoever is connected stays so. */
  flush (): void {
    this.#data = empty()
  }

  /** @returns what brings the present state back, as often as it is called */
  save (): () => void {
    const saved = structuredClone(this.#data)
    return () => { this.#data = structuredClone(saved) }
  }

  /** Carries out what a process asks for, now or when it goes on. */
  arrive (call: () => void): void {
    if (this.#held === null) call()
    else this.#held.push(call)
  }

  /** @returns the number of a new process */
  newProcess (listener: Listener): number {
    return this.#processes.push(listener)
  }

  connect (listener: Listener): void {
    this.#subscribed.set(listener, new Set())
  }

  /** The connection of a process has ended. */
  disconnect (listener: Listener): void {
    for (const topic of this.#subscribed.get(listener) ?? []) this.unsubscribe(listener, topic)
    this.#subscribed.delete(listener)
  }

  /** @returns a position for each, or '' */
  publish (messages: readonly OutgoingMessage[]): string[] {
    const announcements: Announcement[] = []
    const answers = messages.map(message => {
      const { topic, bytes, retention, id } = message
      if (retention === null) {
        announcements.push({ topic, bytes, place: null })
        return ''
      }
      const log = this.#log(topic)
      const known = id === null ? undefined : log.kept.find(one => one.id === id)
      if (known !== undefined) return known.at
      const prev = log.top.at
      const seq = log.top.seq + 1
      log.top = { seq, at: `${log.epoch}-${seq.toString(36)}-${randomBytes(4).toString('hex')}` }
      log.kept.push({ ...log.top, bytes: new Uint8Array(bytes), id })
      if (log.kept.length > retention.size) log.floor = log.kept.shift()!.at
      log.ttl = retention.ttl
      log.keptUntil = performance.now() + retention.ttl
      log.knownUntil = log.keptUntil + retention.ttl
      announcements.push({ topic, bytes, place: { ...log.top, prev } })
      return log.top.at
    })
    for (const [listener, topics] of this.#subscribed) {
      const heard = announcements.filter(({ topic }) => topics.has(topic))
      if (heard.length > 0) listener.announced(heard)
    }
    return answers
  }

  subscribe (listener: Listener, topics: readonly SubscribedTopic[]): Array<Place | null> {
    return topics.map(({ topic, retention }) => {
      this.#subscribed.get(listener)?.add(topic)
      if (retention === null) return null
      const log = this.#log(topic)
      log.ttl = retention.ttl
      return log.top
    })
  }

  unsubscribe (listener: Listener, topic: string): void {
    const log = this.#data.logs.get(topic)
    if (log !== undefined) log.knownUntil = Math.max(log.knownUntil, performance.now() + log.ttl)
    this.#subscribed.get(listener)?.delete(topic)
  }

  read (topic: string, after: string, limit: number): ReadMessages | null {
    const { kept, floor, top } = this.#log(topic)
    const start = after === floor ? 0 : kept.findIndex(({ at }) => at === after) + 1
    if (start === 0 && after !== floor) return null
    const messages = kept.slice(start, start + limit).map(stored)
    return { messages, upTo: start + limit < kept.length ? placeOf(messages.at(-1)!) : top }
  }

  last (topic: string, limit: number): StoredMessage[] {
    return this.#log(topic).kept.slice(-limit).map(stored)
  }

  join (process: number, topic: string, { id, info }: StoredMember): boolean {
    const members = this.#data.members.get(topic) ?? new Map<string, Whereabouts>()
    this.#data.members.set(topic, members)
    const member = members.get(id) ?? { info, processes: new Set() }
    const isNew = !members.has(id)
    member.info = info
    member.processes.add(process)
    members.set(id, member)
    return isNew
  }

  leave (process: number, topic: string, id: string): boolean {
    const members = this.#data.members.get(topic)
    const member = members?.get(id)
    if (member?.processes.delete(process) !== true || member.processes.size > 0) return false
    return members!.delete(id)
  }

  members (topic: string): StoredMember[] {
    return [...this.#data.members.get(topic) ?? []].map(([id, { info }]) => ({ id, info }))
  }

  signal (bytes: Uint8Array): void {
    for (const listener of this.#subscribed.keys()) listener.signalled(bytes)
  }

  /** A process is there, for a while longer. @returns false: it was not known any more */
  renew (process: number, duration: number): boolean {
    const isKnown = this.#data.leases.has(process)
    this.#data.leases.set(process, performance.now() + duration)
    return isKnown
  }

  /** Forgets the processes whose time is over. @returns the members that went with them */
  takeGone (): Array<{ topic: string, member: StoredMember }> {
    const gone: Array<{ topic: string, member: StoredMember }> = []
    for (const [process, end] of this.#data.leases) {
      if (end > performance.now()) continue
      this.#data.leases.delete(process)
      for (const topic of this.#data.members.keys()) {
        for (const member of this.members(topic)) {
          if (this.leave(process, topic, member.id)) gone.push({ topic, member })
        }
      }
    }
    return gone
  }

  /** What is known of a topic by now. */
  #log (topic: string): Log {
    const now = performance.now()
    const known = this.#data.logs.get(topic)
    if (known !== undefined && (known.knownUntil > now || this.#isSubscribed(topic))) {
      if (known.keptUntil <= now) Object.assign(known, { kept: [], floor: known.top.at })
      return known
    }
    const epoch = randomBytes(4).toString('hex')
    const at = `${epoch}-0-0`
    const log = { epoch, top: { seq: 0, at }, floor: at, kept: [], ttl: 0, keptUntil: 0, knownUntil: 0 }
    this.#data.logs.set(topic, log)
    return log
  }

  #isSubscribed (topic: string): boolean {
    for (const topics of this.#subscribed.values()) if (topics.has(topic)) return true
    return false
  }
}

function empty (): Data {
  return { logs: new Map(), members: new Map(), leases: new Map() }
}

function placeOf ({ seq, at }: Place): Place {
  return { seq, at }
}

function stored ({ seq, at, bytes }: StoredMessage): StoredMessage {
  return { seq, at, bytes }
}
