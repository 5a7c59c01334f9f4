import { headers, type Msg, type Subscription } from '@nats-io/transport-node'
import type { BackplaneEvents, OutgoingMessage, Place, ReadMessages, Retention, StoredMessage } from '../../types/backplane.ts'
import type { Clock } from './clock.ts'
import { decode, encode, MARK, MESSAGE, newTag, type Position, tagOf, textOf } from './frame.ts'
import type { Link } from './link.ts'
import type { Settings } from './options.ts'
import { findKept, markedBy, placeOf, readBehind, readLast, samePlace, storedOf } from './reading.ts'
import { ackOf, RefusedError, Stream } from './stream.ts'
import { hash, kindOf, type Subjects, token } from './subjects.ts'

/**
 * A stream keeps this many more messages of a topic than its history has: the one in front of the oldest, whose position is still
 * good, and marks, of which few can be there at the same time.
 */
const MORE = 5
/** So often are topics looked at in the time in which a silent one needs a mark. */
const LOOKS = 16
/** At most so many marks are published at once. */
const MARKS = 256
/** Milliseconds in which what a stream has kept is certainly announced. */
const SOON = 1000

/** What histories of all retentions share. */
export interface Context {
  readonly link: Link
  readonly settings: Settings
  readonly subjects: Subjects
  readonly clock: Clock
  readonly events: Pick<BackplaneEvents, 'onMessage'>
}

/** A topic that is subscribed to. */
interface Followed {
  readonly topic: string
  readonly subject: string
  readonly subscription: Subscription
  /** Nothing up to this number is announced any more. */
  floor: number
  /** The number of the last message that is known, or mark, and the place that it gives the topic. */
  last: number
  place: Position | null
  /** When the last was published, in milliseconds that this process has been running. */
  since: number
}

/**
 * The topics with one retention, on one connection: a stream, which keeps what is published to `in` and republishes it to `out`.
 *
 * When a topic is silent, a mark is published to it from time to time, which stands for the place of its last message, and only
 * if nothing has been published since. So there is always something in the stream from which what comes next can be followed,
 * and the position of the last message stays good.
 */
export class History {
  /** There is no stream, and the server does not make one: another one may try again. */
  isBroken = false
  readonly #context: Context
  readonly #retention: Retention
  readonly #kind: string
  readonly #stream: Stream
  readonly #followed = new Map<string, Followed>()
  /** What is published before the stream is known to be there; null: it is. */
  #waiting: OutgoingMessage[] | null = []
  readonly #ready: Promise<void>
  /** The last number that was announced. */
  #top = 0
  #timer: NodeJS.Timeout | null = null
  /** Milliseconds after which a silent topic needs a mark. */
  #patience = 0
  #isMarking = false

  constructor (context: Context, retention: Retention) {
    this.#context = context
    this.#retention = retention
    this.#kind = kindOf(retention)
    this.#stream = new Stream(context.link, context.settings, context.subjects.stream(this.#kind))
    this.#ready = this.#begin()
    this.#ready.catch((error: Error) => this.#fail(error))
  }

  publish (message: OutgoingMessage): void {
    if (this.#waiting === null) this.#publish(message, performance.now())
    else this.#waiting.push(message)
  }

  async subscribe (topic: string): Promise<Place> {
    await this.#ready
    const followed = this.#follow(topic)
    for (;;) {
      const entry = await this.#stream.lastOf(followed.subject)
      if (entry !== null) {
        const stored = storedOf(entry)
        return this.#begun(followed, stored.seq, stored.place, this.#context.clock.now() - stored.time)
      }
      // A topic needs a position from the beginning.
      const tag = newTag()
      const seq = await this.#stream.put(followed.subject, encode(MARK, tag, 0, new Uint8Array(0)), 0)
      if (seq !== null) return this.#begun(followed, seq, { seq, tag }, 0)
    }
  }

  unsubscribe (topic: string): void {
    this.#followed.get(topic)?.subscription.unsubscribe()
    this.#followed.delete(topic)
  }

  async read (topic: string, after: string, limit: number): Promise<ReadMessages | null> {
    await this.#ready
    return readBehind(this.#stream, this.#subject(topic), this.#retention, after, limit, () => this.#context.clock.now())
  }

  async last (topic: string, limit: number): Promise<StoredMessage[]> {
    await this.#ready
    return readLast(this.#stream, this.#subject(topic), this.#retention, limit, () => this.#context.clock.now())
  }

  close (): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#followed.clear()
  }

  async #begin (): Promise<void> {
    const { link, settings, subjects } = this.#context
    const { size, ttl } = this.#retention
    const source = subjects.kept(this.#kind, '*')
    const began = performance.now()
    const age = (ttl + Math.max(ttl, settings.margin)) * 1e6
    const config = await this.#stream.ensure({
      subjects: [source],
      max_msgs_per_subject: size + MORE,
      max_age: age,
      // Ids are found as long as messages can be there.
      duplicate_window: age,
      republish: { src: source, dest: subjects.announced(this.#kind, '{{wildcard(1)}}') },
      // Nobody may take anything out of the middle.
      deny_delete: true,
      deny_purge: true
    })
    link.subscribe(`$JS.EVENT.ADVISORY.STREAM.DELETED.${this.#stream.name}`, () => {
      link.lose(new Error(`the stream ${this.#stream.name} was deleted`))
    })
    // Not all processes at once: who publishes a mark spares the others theirs.
    const margin = (config.max_age ?? age) / 1e6 - ttl
    this.#patience = margin * (0.5 + 0.3 * Math.random())
    this.#timer = setInterval(() => void this.#mark(), margin / LOOKS).unref()
    const waiting = this.#waiting!
    this.#waiting = null
    for (const message of waiting) this.#publish(message, began)
  }

  #fail (error: Error): void {
    const waiting = this.#waiting ?? []
    this.#waiting = null
    this.isBroken = true
    for (const message of waiting) message.failed(error)
    this.#check(error)
  }

  #subject (topic: string): string {
    return this.#context.subjects.kept(this.#kind, token(topic))
  }

  #publish (message: OutgoingMessage, called: number): void {
    const { clock, settings } = this.#context
    // The answer to what has waited longer would come later than was promised.
    if (performance.now() - called > settings.deadline / 4) return message.failed(new Error('JetStream needed too long to find the stream'))
    const tag = newTag()
    const deadline = clock.deadline()
    const id = message.id === null ? null : hash(JSON.stringify([message.topic, message.id]))
    this.#send(message, { seq: 0, tag }, deadline, encode(MESSAGE, tag, deadline, message.bytes), id)
  }

  #send (message: OutgoingMessage, { tag }: Position, deadline: number, frame: Uint8Array, id: string | null): void {
    const { link, clock } = this.#context
    const subject = this.#subject(message.topic)
    link.publish(subject, frame, {
      isPatient: true,
      onReply: reply => {
        let ack
        try {
          ack = ackOf(reply)
        } catch (error) {
          message.failed(error as Error)
          this.#check(error)
          return false
        }
        const { seq } = ack
        if (ack.isDuplicate) void this.#findOriginal(message, seq, tag, deadline, frame, id!)
        // It may be there, but too late for everybody.
        else if (!clock.isBefore(deadline)) message.failed(new Error('JetStream has answered too late'))
        else message.done(textOf(this.#stream.epoch, { seq, tag }))
        return false
      },
      onFailed: error => message.failed(error)
    }, id === null ? undefined : idHeaders(id))
  }

  /** The server still knows an id. Is its message still kept? If not, the id is derived from it, the same for all who publish it again. */
  async #findOriginal (message: OutgoingMessage, seq: number, tag: number, deadline: number, frame: Uint8Array, id: string): Promise<void> {
    const { clock } = this.#context
    try {
      const found = await findKept(this.#stream, this.#subject(message.topic), this.#retention, seq, () => clock.now())
      if (found !== null) message.done(textOf(this.#stream.epoch, found))
      else if (!clock.isBefore(deadline)) message.failed(new Error('JetStream has answered too late'))
      else this.#send(message, { seq: 0, tag }, deadline, frame, hash(`${id} ${seq}`))
    } catch (error) {
      message.failed(error as Error)
      this.#check(error)
    }
  }

  /** Without its stream, nothing can go on as it was. */
  #check (error: unknown): void {
    if (error instanceof RefusedError && error.code === 0) this.#context.link.lose(error)
  }

  #follow (topic: string): Followed {
    const known = this.#followed.get(topic)
    if (known !== undefined) return known
    const { link, subjects } = this.#context
    const subscription = link.subscribe(subjects.announced(this.#kind, token(topic)), message => this.#onAnnounced(followed, message))
    const followed: Followed = {
      topic, subject: this.#subject(topic), subscription, floor: 0, last: 0, place: null, since: performance.now()
    }
    this.#followed.set(topic, followed)
    return followed
  }

  /** @param age milliseconds since the last message or mark was published */
  #begun (followed: Followed, last: number, place: Position, age: number): Place {
    followed.floor = Math.max(followed.floor, last)
    if (last > followed.last) Object.assign(followed, { last, place, since: performance.now() - Math.max(0, age) })
    return placeOf(this.#stream.epoch, place)
  }

  #onAnnounced (followed: Followed, message: Msg): void {
    const { link, events, clock } = this.#context
    const seq = Number(message.headers?.get('Nats-Sequence'))
    const prev = Number(message.headers?.get('Nats-Last-Sequence'))
    // Somebody else has published it, or it comes once more.
    if (!Number.isSafeInteger(seq) || !Number.isSafeInteger(prev) || seq === this.#top) return
    if (seq < this.#top) return link.lose(new Error(`the stream ${this.#stream.name} has begun anew, or goes on from an older state`))
    this.#top = seq
    if (seq <= followed.last) return
    const frame = decode(message.data)
    const { place: before, last, floor } = followed
    const own = { seq, tag: frame === null ? tagOf(message.data) : frame.tag }
    const place = frame?.kind === MARK ? markedBy(frame.bytes) ?? own : own
    Object.assign(followed, { last: seq, place, since: performance.now() })
    if (frame?.kind === MARK) {
      if (before !== null && !samePlace(before, place)) link.lose(new Error(`the announcements of ${followed.topic} have a gap`))
      return
    }
    if (frame === null || seq <= floor) return
    // Whether what arrives this late is void, only the stream knows, so whoever is told must read it.
    const isCertain = clock.isBefore(frame.deadline)
    const { epoch } = this.#stream
    const isNext = isCertain && prev === last && before !== null
    events.onMessage(followed.topic, frame.bytes, { ...placeOf(epoch, own), prev: isNext ? textOf(epoch, before) : '' })
  }

  /** Publishes marks to the topics that need one. */
  async #mark (): Promise<void> {
    if (this.#isMarking) return
    this.#isMarking = true
    try {
      const due = [...this.#followed.values()].filter(({ place, since }) => place !== null && performance.now() - since > this.#patience)
      for (let i = 0; i < due.length; i += MARKS) await Promise.all(due.slice(i, i + MARKS).map(followed => this.#markOne(followed)))
    } catch {
      // The connection is lost, or will be.
    } finally {
      this.#isMarking = false
    }
  }

  async #markOne (followed: Followed): Promise<void> {
    const { link } = this.#context
    const { last, place, subject } = followed
    if (place === null) return
    const seq = await this.#stream.put(subject, encode(MARK, newTag(), 0, Buffer.from(textOf('', place))), last)
    if (seq !== null) return
    // Somebody else was faster, and what it published is on its way to us; or something else has got lost.
    await link.flush()
    const entry = await this.#stream.lastOf(subject)
    const isOld = entry !== null && this.#context.clock.now() - entry.time > SOON
    if (isOld && entry.seq > followed.last && this.#followed.get(followed.topic) === followed) {
      link.lose(new Error(`the announcements of ${followed.topic} have a gap`))
    }
  }
}

function idHeaders (id: string) {
  const found = headers()
  found.set('Nats-Msg-Id', id)
  return found
}
