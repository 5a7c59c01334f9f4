import type {
  AnnouncedPlace, BackplaneDriver, BackplaneEvents, OutgoingMessage, Place, ReadMessages, Retention, StoredMember, StoredMessage,
  SubscribedTopic
} from '../../types/backplane.ts'
import { announce, parseAnnouncement } from './announcement.ts'
import { Keys } from './keys.ts'
import type { RedisLink, Reply } from './link.ts'
import { Members } from './members.ts'
import type { CheckedOptions } from './options.ts'
import { parseEntry, parsePosition, positionText, UniqueTexts } from './position.ts'
import { Publisher } from './publisher.ts'
import { publish } from './scripts/publish.ts'
import { last, read, renew, stand } from './scripts/topics.ts'
import { Store } from './store.ts'

/** At most so many topics are in one call. */
const MOST_TOPICS = 256
/** Milliseconds between two renewals of what is known of topics that are subscribed to. */
const RENEWAL = 5 * 60_000

/** Topics in Redis. */
export class RedisDriver implements BackplaneDriver {
  readonly #options: CheckedOptions
  readonly #keys: Keys
  readonly #store: Store
  readonly #publisher: Publisher
  #events: BackplaneEvents | null = null
  #members: Members | null = null
  /** By channel. A new object each time that a topic is subscribed to. */
  readonly #topics = new Map<string, SubscribedTopic>()
  #renewal: NodeJS.Timeout | null = null
  #isOpen = false
  #closing: Promise<void> | null = null

  constructor (link: RedisLink, options: CheckedOptions) {
    this.#options = options
    this.#keys = new Keys(options.prefix)
    this.#store = new Store(link, options.deadline, this.#keys, new UniqueTexts().next(), {
      prepare: () => this.#prepare(),
      onMessage: (channel, bytes) => this.#onMessage(channel, bytes),
      onUp: () => this.#events!.onState('up', null),
      onDown: error => {
        this.#topics.clear()
        this.#events!.onState('down', error)
      }
    })
    this.#publisher = new Publisher(this.#store, this.#keys)
  }

  get lag (): number | null {
    return this.#store.lag
  }

  async open (events: BackplaneEvents): Promise<void> {
    this.#events = events
    this.#members = new Members(this.#store, this.#keys, this.#options.lease, {
      onGone: (topic, member) => { if (this.#closing === null) events.onGone(topic, member) },
      onBack: (topic, member) => { if (this.#closing === null) events.onBack(topic, member) }
    })
    await this.#store.open()
    this.#isOpen = true
    this.#renewal = setInterval(() => this.#renew(), RENEWAL).unref()
  }

  publish (messages: readonly OutgoingMessage[]): void {
    this.#publisher.publish(messages)
  }

  async subscribe (topics: readonly SubscribedTopic[]): Promise<Array<Place | null>> {
    if (!this.#store.isUp) throw new Error('not connected')
    const own = topics.map(topic => ({ ...topic }))
    for (const topic of own) this.#topics.set(this.#keys.of(topic.topic).channel, topic)
    try {
      const places = new Map<string, Place>()
      await Promise.all(this.#store.batches(own, MOST_TOPICS).map(async some => {
        await this.#store.subscribe(some.map(({ topic }) => this.#keys.of(topic).channel))
        await this.#stand(some, places)
      }))
      return topics.map(({ topic, retention }) => retention === null ? null : places.get(topic)!)
    } catch (error) {
      // But not what has been subscribed to once more meanwhile.
      this.unsubscribe(own.filter(topic => this.#topics.get(this.#keys.of(topic.topic).channel) === topic).map(({ topic }) => topic))
      throw error
    }
  }

  unsubscribe (topics: readonly string[]): void {
    const channels = topics.map(topic => this.#keys.of(topic).channel).filter(channel => this.#topics.delete(channel))
    // If it does not come to that, the connection is lost, and with it the subscriptions.
    this.#store.unsubscribe(channels).catch(() => {})
  }

  isNext (last: Place, announced: AnnouncedPlace): boolean {
    return last.at === announced.prev
  }

  async read (topic: string, { size }: Retention, after: string, limit: number): Promise<ReadMessages | null> {
    const position = parsePosition(after)
    if (position === null) return null
    const { epoch, seq, tag } = position
    const { partition, meta, stream } = this.#keys.of(topic)
    const args = [epoch, String(seq), String(tag), String(limit), String(size)]
    const reply = await this.#store.run(read, partition, [meta, stream], args)
    if (reply === null) return null
    const messages = stored(epoch, reply as Buffer[])
    const upTo = messages.at(-1) ?? { seq, at: after }
    return { messages, upTo: { seq: upTo.seq, at: upTo.at } }
  }

  async last (topic: string, { size }: Retention, limit: number): Promise<StoredMessage[]> {
    const { partition, meta, stream } = this.#keys.of(topic)
    const reply = await this.#store.run(last, partition, [meta, stream], [String(Math.min(size, limit))])
    const [epoch, ...entries] = reply as Buffer[]
    return epoch === undefined ? [] : stored(String(epoch), entries).toReversed()
  }

  async join (topic: string, member: StoredMember): Promise<boolean> {
    return this.#members!.join(topic, member)
  }

  async leave (topic: string, id: string): Promise<boolean> {
    return this.#members!.leave(topic, id)
  }

  async members (topic: string): Promise<StoredMember[]> {
    return this.#members!.members(topic)
  }

  async count (topic: string): Promise<number> {
    return this.#members!.count(topic)
  }

  async signal (bytes: Uint8Array): Promise<void> {
    const channel = this.#keys.signals
    await this.#store.run(publish, 0, [channel], ['', this.#store.announcing, channel, '0', announce([bytes])])
  }

  close (): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close (): Promise<void> {
    if (this.#renewal !== null) clearInterval(this.#renewal)
    this.#topics.clear()
    // If it cannot be told, the lease ends later.
    await this.#members?.close(this.#options.grace).catch(() => {})
    this.#store.close()
  }

  async #prepare (): Promise<void> {
    await this.#store.subscribe([this.#keys.signals])
    await this.#members!.begin()
  }

  #onMessage (channel: string, payload: Buffer): void {
    if (this.#closing !== null) return
    const topic = this.#topics.get(channel)
    if (topic === undefined && channel !== this.#keys.signals) return
    const announcement = parseAnnouncement(payload)
    if (announcement === null) return
    const { epoch, first, tagInFront, messages } = announcement
    if (topic === undefined) {
      // Signals come as soon as it is subscribed to them, which is before everything works.
      if (this.#isOpen) for (const { bytes } of messages) this.#events!.onSignal(bytes)
      return
    }
    let seq = first
    let prev = epoch === null ? '' : positionText(epoch, first - 1, tagInFront)
    for (const { tag, bytes } of messages) {
      const place = epoch === null ? null : { seq, at: positionText(epoch, seq, tag), prev }
      this.#events!.onMessage(topic.topic, bytes, place)
      if (place !== null) prev = place.at
      seq++
    }
  }

  async #stand (topics: readonly SubscribedTopic[], places: Map<string, Place>): Promise<void> {
    const kept = topics.filter(({ retention }) => retention !== null)
    if (kept.length === 0) return
    const all = kept.map(({ topic }) => this.#keys.of(topic))
    const keys = all.flatMap(({ meta, stream, ids }) => [meta, stream, ids])
    const ttls = kept.map(({ retention }) => String(Math.ceil(retention!.ttl)))
    const reply = await this.#store.run(stand, all[0]!.partition, keys, [this.#publisher.epoch(), ...ttls]) as Buffer[]
    for (const [i, { topic }] of kept.entries()) {
      const [epoch, seq, tag] = reply.slice(3 * i, 3 * i + 3).map(String)
      places.set(topic, { seq: Number(seq), at: positionText(epoch!, Number(seq), Number(tag)) })
    }
  }

  #renew (): void {
    const kept = [...this.#topics.values()].filter(({ retention }) => retention !== null)
    for (const some of this.#store.batches(kept, MOST_TOPICS)) {
      const all = some.map(({ topic }) => this.#keys.of(topic))
      const ttls = some.map(({ retention }) => String(Math.ceil(retention!.ttl)))
      // If that fails, there is another time before it is too late.
      this.#store.run(renew, all[0]!.partition, all.map(({ meta }) => meta), ttls).catch(() => {})
    }
  }
}

/** Entries and their bytes in turn. */
function stored (epoch: string, entries: Reply[]): StoredMessage[] {
  const messages = []
  for (let i = 0; i < entries.length; i += 2) {
    const { seq, tag } = parseEntry(entries[i] as Buffer)
    messages.push({ seq, at: positionText(epoch, seq, tag), bytes: entries[i + 1] as Buffer })
  }
  return messages
}
