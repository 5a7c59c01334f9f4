import { randomBytes } from 'node:crypto'
import Queue from 'denque'
import { Deadlines } from './deadlines.ts'
import type { Engine, EngineSink, Member, Numbered, Part, Retention, Top } from './engine.ts'

/** Beyond so many topics that were subscribed to and are not any more, their floors are not kept: names may come from clients. */
const MOST_LEFT = 10_000

interface Kept<Message> extends Numbered<Message> {
  readonly id: string | null
}

/** The last messages of one topic. */
class Log<Message> {
  readonly messages = new Queue<Kept<Message>>()
  /** By the ids that publishers gave them. */
  readonly ids = new Map<string, Top>()
  /** No message behind this number is missing. */
  floor: number

  constructor (floor: number) {
    this.floor = floor
  }
}

/** The logs of topics with the same retention. */
class Logs<Message> {
  readonly #size: number
  readonly #logs = new Map<string, Log<Message>>()
  /** The floors of topics without a log: of those that are subscribed to, and for a ttl longer. */
  readonly #floors = new Map<string, number>()
  readonly #subscribed = new Set<string>()
  readonly #expiry: Deadlines<string>
  /**
   * The last of all numbers that are known of no topic any more. What a position before it has missed of such a topic is not
   * known, and a position behind it has missed nothing.
   */
  #horizon = 0

  constructor ({ size, ttl }: Retention) {
    this.#size = size
    this.#expiry = new Deadlines(ttl, topic => this.#expire(topic))
  }

  find (topic: string): Log<Message> | undefined {
    return this.#logs.get(topic)
  }

  add (topic: string, kept: Kept<Message>): void {
    const log = this.#logs.get(topic) ?? this.#begin(topic)
    const { messages, ids } = log
    messages.push(kept)
    if (kept.id !== null) ids.set(kept.id, kept)
    if (messages.length > this.#size) {
      const oldest = messages.shift()!
      log.floor = oldest.seq
      if (oldest.id !== null) ids.delete(oldest.id)
    }
    this.#expiry.start(topic)
  }

  /** No message of the topic behind this number is missing. */
  floorOf (topic: string): number {
    return this.#logs.get(topic)?.floor ?? this.#floors.get(topic) ?? this.#horizon
  }

  subscribe (topic: string): void {
    this.#subscribed.add(topic)
    if (this.#logs.has(topic)) return
    this.#floors.set(topic, this.floorOf(topic))
    this.#expiry.stop(topic)
  }

  unsubscribe (topic: string): void {
    this.#subscribed.delete(topic)
    if (this.#logs.has(topic)) return
    if (this.#floors.size - this.#subscribed.size > MOST_LEFT) this.#forget(topic)
    else this.#expiry.start(topic)
  }

  close (): void {
    this.#expiry.close()
  }

  #begin (topic: string): Log<Message> {
    const log = new Log<Message>(this.floorOf(topic))
    this.#logs.set(topic, log)
    this.#floors.delete(topic)
    return log
  }

  /** First the messages go, then, if nobody is subscribed, what is known of their numbers. */
  #expire (topic: string): void {
    const log = this.#logs.get(topic)
    if (log !== undefined) {
      this.#logs.delete(topic)
      this.#floors.set(topic, log.messages.peekBack()!.seq)
      if (!this.#subscribed.has(topic)) this.#expiry.start(topic)
    } else {
      this.#forget(topic)
    }
  }

  #forget (topic: string): void {
    this.#horizon = Math.max(this.#horizon, this.#floors.get(topic)!)
    this.#floors.delete(topic)
  }
}

/**
 * Topics within one process. One sequence numbers the messages of all topics, so a topic without messages needs no memory
 * for its positions to be told apart.
 */
export class MemoryEngine<Message> implements Engine<Message> {
  readonly name = null
  readonly state = 'up'
  readonly lag = null
  /** Tells the positions of this engine from those of earlier ones. */
  readonly #epoch = randomBytes(6).toString('hex')
  #seq = 0
  #sink: EngineSink<Message> | null = null
  /** The logs of each topic that is subscribed to; null: it keeps none. */
  readonly #subscribed = new Map<string, Logs<Message> | null>()
  readonly #logs = new Map<string, Logs<Message>>()
  readonly #members = new Map<string, Map<string, Member>>()
  #isClosed = false

  async open (sink: EngineSink<Message>): Promise<void> {
    this.#sink = sink
  }

  async whenUp (): Promise<void> {
    // It always can be reached.
  }

  async publish (topic: string, message: Message, retention: Retention | null, id: string | null): Promise<Top> {
    const logs = retention === null ? null : this.#logsFor(retention)
    const known = id === null ? undefined : logs?.find(topic)?.ids.get(id)
    if (known !== undefined) return known
    const seq = ++this.#seq
    const kept = { message, seq, at: this.#position(seq), id }
    logs?.add(topic, kept)
    if (!this.#isClosed && this.#subscribed.has(topic)) this.#sink!.onMessage(topic, kept)
    return kept
  }

  async subscribe (topic: string, retention: Retention | null): Promise<Top> {
    const logs = retention === null ? null : this.#logsFor(retention)
    this.#subscribed.set(topic, logs)
    logs?.subscribe(topic)
    return { seq: this.#seq, at: this.#position(this.#seq) }
  }

  unsubscribe (topic: string): void {
    this.#subscribed.get(topic)?.unsubscribe(topic)
    this.#subscribed.delete(topic)
  }

  async read (topic: string, retention: Retention, after: string, limit: number): Promise<Part<Message> | null> {
    const seq = this.#seqOf(after)
    const logs = this.#logsFor(retention)
    if (seq === null || seq < logs.floorOf(topic)) return null
    const kept = logs.find(topic)?.messages
    if (kept === undefined) return { messages: [], ...this.#top }
    const messages: Array<Numbered<Message>> = []
    let i = firstAfter(kept, seq)
    while (i < kept.length && messages.length < limit) messages.push(kept.peekAt(i++)!)
    if (i === kept.length) return { messages, ...this.#top }
    const { seq: upTo, at } = messages.at(-1)!
    return { messages, upTo, at }
  }

  async last (topic: string, retention: Retention, limit: number): Promise<Array<Numbered<Message>>> {
    const messages = this.#logsFor(retention).find(topic)?.messages
    if (messages === undefined) return []
    const found = []
    for (let i = Math.max(0, messages.length - limit); i < messages.length; i++) found.push(messages.peekAt(i)!)
    return found
  }

  async join (topic: string, member: Member): Promise<boolean> {
    const members = this.#members.get(topic) ?? new Map<string, Member>()
    const isNew = !members.has(member.id)
    this.#members.set(topic, members.set(member.id, member))
    return isNew
  }

  async leave (topic: string, id: string): Promise<boolean> {
    const members = this.#members.get(topic)
    if (members?.delete(id) !== true) return false
    if (members.size === 0) this.#members.delete(topic)
    return true
  }

  async members (topic: string): Promise<Member[]> {
    return [...this.#members.get(topic)?.values() ?? []]
  }

  async count (topic: string): Promise<number> {
    return this.#members.get(topic)?.size ?? 0
  }

  async signal (): Promise<void> {
    // There are no other processes.
  }

  async close (): Promise<void> {
    this.#isClosed = true
    for (const logs of this.#logs.values()) logs.close()
  }

  #logsFor (retention: Retention): Logs<Message> {
    const kind = `${retention.size} ${retention.ttl}`
    let logs = this.#logs.get(kind)
    if (logs === undefined) {
      this.#logs.set(kind, logs = new Logs(retention))
      if (this.#isClosed) logs.close()
    }
    return logs
  }

  get #top (): { upTo: number, at: string } {
    return { upTo: this.#seq, at: this.#position(this.#seq) }
  }

  #position (seq: number): string {
    return `${this.#epoch}-${seq.toString(36)}`
  }

  /** The number of one of our own positions; null for any other text. */
  #seqOf (position: string): number | null {
    const start = this.#epoch.length + 1
    const seq = parseInt(position.slice(start), 36)
    return seq <= this.#seq && this.#position(seq) === position ? seq : null
  }
}

/** The index of the first message behind a number, found by halving: a reader that catches up asks often. */
function firstAfter (messages: Queue<Numbered<unknown>>, seq: number): number {
  let low = 0
  let high = messages.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (messages.peekAt(middle)!.seq > seq) high = middle
    else low = middle + 1
  }
  return low
}
