import type { Msg, Subscription } from '@nats-io/transport-node'
import type {
  AnnouncedPlace, BackplaneDriver, BackplaneEvents, OutgoingMessage, Place, ReadMessages, Retention, StoredMember, StoredMessage, SubscribedTopic
} from '../../types/backplane.ts'
import { Clock } from './clock.ts'
import { decode, encode, MESSAGE } from './frame.ts'
import { History } from './history.ts'
import { Link } from './link.ts'
import { Members } from './members.ts'
import type { Settings } from './options.ts'
import { kindOf, Subjects } from './subjects.ts'
import { within } from './within.ts'

/** Milliseconds between two looks whether the server still hands us what we publish. */
const PING_INTERVAL = 1000
/** Milliseconds before the first attempt to connect again, and at most. */
const FIRST_DELAY = 50
const MAX_DELAY = 1000

/** A connection that works, and what is known by it. */
interface Session {
  readonly link: Link
  /** By what they keep. */
  readonly histories: Map<string, History>
  /** The history of each topic that is subscribed to, or its subscription where nothing is kept. */
  readonly subscribed: Map<string, History | Subscription>
}

/** What this process is to the backplane: new, connected, between two connections, or closed. */
type State = { is: 'new' } | { is: 'up', session: Session } | { is: 'down', error: Error } | { is: 'closed' }

export class NatsDriver implements BackplaneDriver {
  lag: number | null = null
  readonly #settings: Settings
  readonly #subjects: Subjects
  readonly #clock: Clock
  readonly #members: Members
  #events: BackplaneEvents | null = null
  #state: State = { is: 'new' }
  #pingTimer: NodeJS.Timeout | null = null
  #retryTimer: NodeJS.Timeout | null = null
  /** What connects at present. */
  #connecting: Link | null = null
  #isPinging = false

  constructor (settings: Settings) {
    this.#settings = settings
    this.#subjects = new Subjects(settings.prefix)
    this.#clock = new Clock(settings.deadline)
    this.#members = new Members(settings, this.#subjects, this.#clock)
  }

  async open (events: BackplaneEvents): Promise<void> {
    this.#events = events
    this.#members.events = events
    await this.#attempt()
    this.#pingTimer = setInterval(() => void this.#ping(), PING_INTERVAL).unref()
  }

  publish (messages: readonly OutgoingMessage[]): void {
    const session = this.#session()
    if (session instanceof Error) {
      for (const message of messages) message.failed(session)
      return
    }
    const announced: OutgoingMessage[] = []
    for (const message of messages) {
      if (message.retention !== null) this.#history(session, message.retention).publish(message)
      else if (this.#announce(session.link, message)) announced.push(message)
    }
    if (announced.length > 0) void confirm(session.link, announced)
  }

  subscribe (topics: readonly SubscribedTopic[]): Promise<Array<Place | null>> {
    return this.#run(async session => {
      const places = topics.map(async ({ topic, retention }) => {
        const history = retention === null ? null : this.#history(session, retention)
        const known = session.subscribed.get(topic)
        // It may be kept in another way than before.
        if (known !== undefined && (known instanceof History ? known : null) !== history) this.#unsubscribe(session, topic)
        if (history === null) return this.#subscribeLive(session, topic)
        session.subscribed.set(topic, history)
        return history.subscribe(topic)
      })
      // The first to fail must not leave the others without anybody who looks after them.
      const [answers] = await Promise.all([Promise.all(places), session.link.flush()])
      return answers
    })
  }

  unsubscribe (topics: readonly string[]): void {
    const session = this.#session()
    if (session instanceof Error) return
    for (const topic of topics) this.#unsubscribe(session, topic)
  }

  isNext (last: Place, announced: AnnouncedPlace): boolean {
    return announced.prev === last.at
  }

  read (topic: string, retention: Retention, after: string, limit: number): Promise<ReadMessages | null> {
    return this.#run(session => this.#history(session, retention).read(topic, after, limit))
  }

  last (topic: string, retention: Retention, limit: number): Promise<StoredMessage[]> {
    return this.#run(session => this.#history(session, retention).last(topic, limit))
  }

  join (topic: string, member: StoredMember): Promise<boolean> {
    return this.#run(() => this.#members.join(topic, member))
  }

  leave (topic: string, id: string): Promise<boolean> {
    return within(this.#settings.deadline, () => this.#members.leave(topic, id))
  }

  members (topic: string): Promise<StoredMember[]> {
    return this.#run(() => this.#members.list(topic))
  }

  count (topic: string): Promise<number> {
    return this.#run(() => this.#members.count(topic))
  }

  signal (bytes: Uint8Array): Promise<void> {
    return this.#run(async ({ link }) => {
      link.announce(this.#subjects.signal, encode(MESSAGE, 0, this.#clock.deadline(), bytes))
      await link.flush(true)
    })
  }

  async close (): Promise<void> {
    if (this.#state.is === 'closed') return
    const state = this.#state
    this.#state = { is: 'closed' }
    if (this.#pingTimer !== null) clearInterval(this.#pingTimer)
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer)
    this.#connecting?.close()
    if (state.is !== 'up') return this.#members.detach()
    for (const history of state.session.histories.values()) history.close()
    await within(this.#settings.deadline, () => this.#members.close()).catch(() => {})
    state.session.link.close()
  }

  #session (): Session | Error {
    const state = this.#state
    if (state.is === 'up') return state.session
    return state.is === 'down' ? new Error('there is no connection to NATS', { cause: state.error }) : new Error(`the backplane is ${state.is}`)
  }

  #run<Answer> (call: (session: Session) => Promise<Answer>): Promise<Answer> {
    const session = this.#session()
    if (session instanceof Error) return Promise.reject(session)
    return within(this.#settings.deadline, () => call(session))
  }

  #history (session: Session, retention: Retention): History {
    const kind = kindOf(retention)
    const known = session.histories.get(kind)
    if (known !== undefined && !known.isBroken) return known
    const context = { link: session.link, settings: this.#settings, subjects: this.#subjects, clock: this.#clock, events: this.#told(session.link) }
    const history = new History(context, retention)
    session.histories.set(kind, history)
    return history
  }

  /** @returns whether it is on its way */
  #announce (link: Link, message: OutgoingMessage): boolean {
    try {
      link.announce(this.#subjects.live(message.topic), encode(MESSAGE, 0, this.#clock.deadline(), message.bytes))
      return true
    } catch (error) {
      message.failed(error as Error)
      return false
    }
  }

  #subscribeLive (session: Session, topic: string): null {
    if (session.subscribed.has(topic)) return null
    const told = this.#told(session.link)
    session.subscribed.set(topic, session.link.subscribe(this.#subjects.live(topic), message => {
      const bytes = this.#fresh(message)
      if (bytes !== null) told.onMessage(topic, bytes, null)
    }))
    return null
  }

  #unsubscribe (session: Session, topic: string): void {
    const known = session.subscribed.get(topic)
    session.subscribed.delete(topic)
    if (known instanceof History) known.unsubscribe(topic)
    else known?.unsubscribe()
  }

  /** What a message says; null: it is of another version, or of a publisher who has been told that it failed. */
  #fresh (message: Msg): Uint8Array | null {
    const frame = decode(message.data)
    return frame !== null && this.#clock.now() <= frame.deadline ? frame.bytes : null
  }

  /** The events, as long as this connection is the one that counts. */
  #told (link: Link): Pick<BackplaneEvents, 'onMessage' | 'onSignal'> {
    const counts = () => this.#state.is === 'up' && this.#state.session.link === link
    return {
      onMessage: (topic, bytes, place) => { if (counts()) this.#events!.onMessage(topic, bytes, place) },
      onSignal: bytes => { if (counts()) this.#events!.onSignal(bytes) }
    }
  }

  async #attempt (): Promise<void> {
    try {
      await within(this.#settings.deadline, () => this.#connect())
    } catch (error) {
      this.#connecting?.close()
      throw error
    }
  }

  /** @throws if there is no connection, or JetStream does not answer */
  async #connect (): Promise<void> {
    const link = await Link.open(this.#settings, error => this.#onLost(link, error))
    if (this.#state.is === 'closed') {
      link.close()
      throw new Error('the backplane is closed')
    }
    this.#connecting = link
    try {
      const { onSignal } = this.#told(link)
      link.subscribe(this.#subjects.signal, message => {
        const bytes = this.#fresh(message)
        if (bytes !== null) onSignal(bytes)
      })
      await this.#members.attach(link)
    } catch (error) {
      link.close()
      throw error
    } finally {
      this.#connecting = null
    }
    if (link.isLost) throw new Error('the connection to NATS was lost')
    this.#state = { is: 'up', session: { link, histories: new Map(), subscribed: new Map() } }
  }

  #onLost (link: Link, error: Error): void {
    if (this.#state.is !== 'up' || this.#state.session.link !== link) return
    for (const history of this.#state.session.histories.values()) history.close()
    this.#state = { is: 'down', error }
    this.lag = null
    this.#members.detach()
    this.#events!.onState('down', error)
    this.#retry(FIRST_DELAY)
  }

  #retry (delay: number): void {
    if (this.#state.is !== 'down') return
    this.#retryTimer = setTimeout(async () => {
      try {
        await this.#attempt()
        this.#events!.onState('up', null)
      } catch (error) {
        if (this.#state.is === 'down') this.#state = { is: 'down', error: error as Error }
        this.#retry(Math.min(MAX_DELAY, delay * 2))
      }
    }, delay * (0.5 + Math.random() / 2)).unref()
  }

  async #ping (): Promise<void> {
    if (this.#state.is !== 'up' || this.#isPinging) return
    const { link } = this.#state.session
    this.#isPinging = true
    const sent = performance.now()
    try {
      await link.flush()
      this.lag = performance.now() - sent
    } catch {
      // The connection is lost: `onLost` is told.
    } finally {
      this.#isPinging = false
    }
  }
}

/** Tells the publishers when the server has handed on what it was given. */
async function confirm (link: Link, messages: readonly OutgoingMessage[]): Promise<void> {
  try {
    await link.flush(true)
    for (const message of messages) message.done('')
  } catch (error) {
    for (const message of messages) message.failed(error as Error)
  }
}
