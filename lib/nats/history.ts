import { headers, type Subscription } from '@nats-io/transport-node'
import type { BackplaneEvents, OutgoingMessage, Place, ReadMessages, Retention, StoredMessage } from '../../types/backplane.ts'
import type { Clock } from './clock.ts'
import { FollowedTopic } from './followed.ts'
import { encode, MARK, MESSAGE, newTag, textOf } from './frame.ts'
import type { Link } from './link.ts'
import type { Settings } from './options.ts'
import { findKept, placeOf, readBehind, readLast, storedOf } from './reading.ts'
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

interface Subscribed {
  readonly followed: FollowedTopic
  readonly subscription: Subscription
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
  readonly #subscribed = new Map<string, Subscribed>()
  /** What is published before the stream is known to be there; null: it is. */
  #waiting: OutgoingMessage[] | null = []
  readonly #ready: Promise<void>
  /** When the state of the stream was checked last, in milliseconds that this process has been running. */
  #checked = -Infinity
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
        const { seq, place, time } = storedOf(entry)
        followed.begin(seq, place, this.#context.clock.now() - time)
        return placeOf(this.#stream.epoch, place)
      }
      // A topic needs a position from the beginning.
      const tag = newTag()
      const seq = await this.#stream.put(followed.subject, encode(MARK, tag, 0, new Uint8Array(0)), 0)
      if (seq === null) continue
      followed.begin(seq, { seq, tag }, 0)
      return placeOf(this.#stream.epoch, { seq, tag })
    }
  }

  unsubscribe (topic: string): void {
    const known = this.#subscribed.get(topic)
    this.#subscribed.delete(topic)
    known?.subscription.unsubscribe()
    known?.followed.close()
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
    for (const { followed } of this.#subscribed.values()) followed.close()
    this.#subscribed.clear()
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
    const margin = config.max_age! / 1e6 - ttl
    this.#patience = margin * (0.5 + 0.3 * Math.random())
    this.#timer = setInterval(() => void this.#mark(), margin / LOOKS).unref()
    const waiting = this.#waiting!
    this.#waiting = null
    for (const message of waiting) this.#publish(message, began)
  }

  #fail (error: Error): void {
    const waiting = this.#waiting!
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
    this.#send(message, tag, deadline, encode(MESSAGE, tag, deadline, message.bytes), id)
  }

  #send (message: OutgoingMessage, tag: number, deadline: number, frame: Uint8Array, id: string | null): void {
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
      else this.#send(message, tag, deadline, frame, hash(`${id} ${seq}`))
    } catch (error) {
      message.failed(error as Error)
      this.#check(error)
    }
  }

  /** Without its stream, nothing can go on as it was. */
  #check (error: unknown): void {
    if (error instanceof RefusedError && error.code === 0) this.#context.link.lose(error)
  }

  #follow (topic: string): FollowedTopic {
    const known = this.#subscribed.get(topic)
    if (known !== undefined) return known.followed
    const { link, subjects, clock, events } = this.#context
    const followed = new FollowedTopic(this.#subject(topic), this.#stream.epoch, clock, {
      onMessage: (bytes, place) => events.onMessage(topic, bytes, place),
      onGap: () => link.lose(new Error(`the announcements of ${topic} have a gap`)),
      onOld: () => void this.#checkState(followed)
    })
    const subscription = link.subscribe(subjects.announced(this.#kind, token(topic)), message => followed.onAnnounced(message))
    this.#subscribed.set(topic, { followed, subscription })
    return followed
  }

  /** The last number of a topic only falls if the stream is another one by now, or an older one. */
  async #checkState (followed: FollowedTopic): Promise<void> {
    if (performance.now() - this.#checked < SOON) return
    this.#checked = performance.now()
    try {
      const { last, subject } = followed
      const entry = await this.#stream.lastOf(subject)
      if (entry === null || entry.seq < last) this.#context.link.lose(new Error(`the stream ${this.#stream.name} has begun anew`))
    } catch {
      // The connection is lost, or will be.
    }
  }

  /** Publishes marks to the topics that need one. */
  async #mark (): Promise<void> {
    if (this.#isMarking) return
    this.#isMarking = true
    try {
      const all = [...this.#subscribed.values()]
      const due = all.map(({ followed }) => followed).filter(({ place, silence }) => place !== null && silence > this.#patience)
      for (let i = 0; i < due.length; i += MARKS) await Promise.all(due.slice(i, i + MARKS).map(followed => this.#markOne(followed)))
    } catch {
      // The connection is lost, or will be.
    } finally {
      this.#isMarking = false
    }
  }

  async #markOne (followed: FollowedTopic): Promise<void> {
    const { last, place, subject } = followed
    if (await this.#stream.put(subject, encode(MARK, newTag(), 0, Buffer.from(textOf('', place!))), last) !== null) return
    // Somebody else was faster, and what it published is on its way to us; or something else has got lost.
    const entry = await this.#stream.lastOf(subject)
    const isOld = entry === null || this.#context.clock.now() - entry.time > SOON
    if (isOld && entry?.seq !== followed.last) this.#context.link.lose(new Error(`something is wrong with the announcements of ${subject}`))
  }
}

function idHeaders (id: string) {
  const found = headers()
  found.set('Nats-Msg-Id', id)
  return found
}
