import { Deadlines } from '../../lib/backplane/deadlines.ts'
import type {
  AnnouncedPlace, Backplane, BackplaneDriver, BackplaneEvents, OutgoingMessage, Place, ReadMessages, Retention, StoredMember, StoredMessage, SubscribedTopic
} from '../../types/backplane.ts'
import { turns } from '../support/late-engine.ts'
import { type Announcement, FakeStore, type Listener } from './fake-store.ts'

export type Method = 'open' | 'publish' | 'subscribe' | 'unsubscribe' | 'read' | 'last' | 'join' | 'leave' | 'members' | 'count' | 'signal' | 'close'

/** One that the driver was asked for, and who waits for the answer. */
interface Call {
  /** Nobody waits any more: it must not happen. */
  isOver: boolean
  reject (error: Error): void
}

/** A member of this process. */
interface Joined {
  readonly topic: string
  readonly member: StoredMember
}

/**
 * One of several processes that are connected to a store: a driver whose calls and announcements take a few turns of the event
 * loop, and go wrong as a test wants it. Time is that of timers and `performance.now()`, which a test may fake.
 */
export class FakeDriver implements BackplaneDriver, Listener {
  /** How many turns a request takes, and then the answer. */
  turns = 1
  /** How many more announced messages are lost on the way. */
  dropping = 0
  /** How many more arrive twice. */
  doubling = 0
  /** What it was asked, in order: for `publish` each message's topic, for the others the first argument, such as `read a`. */
  readonly calls: string[] = []
  readonly #store: FakeStore
  readonly #process: number
  #events: BackplaneEvents | null = null
  #state: 'new' | 'up' | 'down' | 'closed' = 'new'
  /** Nothing gets to the store or from it. */
  #isCut = false
  /** Counts the connections: what was on its way in an earlier one does not arrive. */
  #connection = 0
  readonly #waiting = new Set<Call>()
  readonly #deadlines: Deadlines<Call>
  readonly #refused = new Map<Method, Error[]>()
  /** By topic and id. */
  readonly #joined = new Map<string, Joined>()
  /** Those who could not leave, or join. */
  readonly #strays = new Map<string, Joined>()
  /** Topics that it has asked to be announced, and not to be announced since. */
  readonly #subscribed = new Set<string>()
  #heart: NodeJS.Timeout | null = null
  #announcing: Promise<unknown> = Promise.resolve()
  #answering: Promise<unknown> = Promise.resolve()

  constructor (store: FakeStore) {
    this.#store = store
    this.#process = store.newProcess(this)
    this.#deadlines = new Deadlines(store.deadline, () => this.#lose(new Error(`the store did not answer within ${store.deadline} ms`)))
  }

  get lag (): number | null {
    return this.#state === 'up' ? 0 : null
  }

  /** Whom it tells what happens: a test may tell them more. */
  get events (): BackplaneEvents {
    return this.#events!
  }

  // What a test does to it.

  /** The connection is cut, and stays so. What waits for an answer is rejected; some of it may have happened. */
  goDown (error = new Error('the connection was cut')): void {
    this.#isCut = true
    this.#lose(error)
  }

  comeUp (): void {
    this.#isCut = false
    this.onResumed()
  }

  /** Its process stops without a word. */
  kill (): void {
    this.#isCut = true
    this.#end()
    this.#drop(new Error('the process has stopped'))
  }

  /** The next call of a method is rejected, and nothing happens. With `publish`, all messages of the call. */
  refuse (method: Method, error = new Error(`${method} was refused`)): void {
    this.#refused.set(method, [...this.#refused.get(method) ?? [], error])
  }

  /** Announcements and signals wait. @returns what lets them go on */
  holdAnnouncements (): () => void {
    const { promise, resolve } = held()
    this.#announcing = this.#announcing.then(() => promise)
    return resolve
  }

  /** Whatever is asked happens, but answers wait. @returns what lets them go on */
  holdAnswers (): () => void {
    const { promise, resolve } = held()
    this.#answering = this.#answering.then(() => promise)
    return resolve
  }

  // What the store does to it.

  announced (announcements: readonly Announcement[]): void {
    const arriving = announcements.flatMap(one => {
      if (this.dropping > 0) {
        this.dropping--
        return []
      }
      if (this.doubling === 0) return [one]
      this.doubling--
      return [one, one]
    })
    // Some take longer, so they arrive before an answer or behind it.
    const late = (announcements[0]!.place?.seq ?? 1) % 4 === 0 ? 3 : 0
    this.#tell(late, events => {
      for (const { topic, bytes, place } of arriving) if (this.#subscribed.has(topic)) events.onMessage(topic, bytes, place)
    })
  }

  signalled (bytes: Uint8Array): void {
    this.#tell(0, events => events.onSignal(bytes))
  }

  onResumed (): void {
    if (this.#state !== 'down' || this.#isCut || this.#store.isStopped) return
    this.#state = 'up'
    this.#store.connect(this)
    this.#tell(1, events => events.onState('up', null))
    this.#beat()
  }

  // The driver.

  async open (events: BackplaneEvents): Promise<void> {
    this.#events = events
    await this.#ask('open', '', () => {
      this.#store.connect(this)
      this.#store.renew(this.#process, this.#store.lease)
    })
    this.#state = 'up'
    this.#heart = setInterval(() => this.#beat(), this.#store.lease / 3).unref()
  }

  publish (messages: readonly OutgoingMessage[]): void {
    this.#ask('publish', messages.map(({ topic }) => topic).join(' '), () => this.#store.publish(messages)).then(
      answers => { for (const [i, message] of messages.entries()) message.done(answers[i]!) },
      (error: Error) => { for (const message of messages) message.failed(error) }
    )
  }

  subscribe (topics: readonly SubscribedTopic[]): Promise<Array<Place | null>> {
    for (const { topic } of topics) this.#subscribed.add(topic)
    return this.#ask('subscribe', topics.map(({ topic }) => topic).join(' '), () => this.#store.subscribe(this, topics))
  }

  unsubscribe (topics: readonly string[]): void {
    for (const topic of topics) this.#subscribed.delete(topic)
    this.#ask('unsubscribe', topics.join(' '), () => {
      for (const topic of topics) this.#store.unsubscribe(this, topic)
    }).catch(() => {})
  }

  isNext (last: Place, announced: AnnouncedPlace): boolean {
    return announced.prev === last.at
  }

  read (topic: string, _retention: Retention, after: string, limit: number): Promise<ReadMessages | null> {
    return this.#ask('read', topic, () => this.#store.read(topic, after, limit))
  }

  last (topic: string, _retention: Retention, limit: number): Promise<StoredMessage[]> {
    return this.#ask('last', topic, () => this.#store.last(topic, limit))
  }

  async join (topic: string, member: StoredMember): Promise<boolean> {
    const key = JSON.stringify([topic, member.id])
    const joined = { topic, member }
    const before = this.#joined.get(key)
    this.#joined.set(key, joined)
    this.#strays.delete(key)
    try {
      return await this.#ask('join', topic, () => this.#store.join(this.#process, topic, member))
    } catch (error) {
      if (before !== undefined) this.#joined.set(key, before)
      else this.#stray(key, joined)
      throw error
    }
  }

  async leave (topic: string, id: string): Promise<boolean> {
    const key = JSON.stringify([topic, id])
    const joined = this.#joined.get(key)
    this.#joined.delete(key)
    try {
      return await this.#ask('leave', topic, () => this.#store.leave(this.#process, topic, id))
    } catch (error) {
      if (joined !== undefined && !this.#joined.has(key)) this.#stray(key, joined)
      throw error
    }
  }

  members (topic: string): Promise<StoredMember[]> {
    return this.#ask('members', topic, () => this.#store.members(topic))
  }

  count (topic: string): Promise<number> {
    return this.#ask('count', topic, () => this.#store.members(topic).length)
  }

  signal (bytes: Uint8Array): Promise<void> {
    return this.#ask('signal', '', () => this.#store.signal(bytes))
  }

  async close (): Promise<void> {
    if (this.#state === 'closed') return
    const parting = this.#ask('close', '', () => {
      this.#store.disconnect(this)
      this.#store.renew(this.#process, this.#store.grace)
    })
    this.#end()
    await parting.catch(() => {})
    this.#drop(new Error('closed'))
  }

  /** Nothing is told any more, and nothing asked. */
  #end (): void {
    this.#state = 'closed'
    if (this.#heart !== null) clearInterval(this.#heart)
  }

  #stray (key: string, joined: Joined): void {
    this.#joined.delete(key)
    this.#strays.set(key, joined)
  }

  /** Says that this process is there, joins its members again if it was taken for gone, and looks for others that are gone. */
  #beat (): void {
    this.#send(() => {
      if (!this.#store.renew(this.#process, this.#store.lease)) {
        for (const { topic, member } of this.#joined.values()) {
          if (this.#store.join(this.#process, topic, member)) this.#tell(0, events => events.onBack(topic, member))
        }
      }
      for (const { topic, member } of this.#strays.values()) {
        if (this.#store.leave(this.#process, topic, member.id)) this.#tell(0, events => events.onGone(topic, member))
      }
      this.#strays.clear()
      for (const { topic, member } of this.#store.takeGone()) this.#tell(0, events => events.onGone(topic, member))
    }).catch(() => {})
  }

  #ask<Answer> (method: Method, what: string, run: () => Answer): Promise<Answer> {
    this.calls.push(`${method} ${what}`.trimEnd())
    const refusal = this.#refused.get(method)?.shift()
    return refusal === undefined ? this.#send(run) : turns(1).then(() => { throw refusal })
  }

  /** To the store and back. */
  async #send<Answer> (run: () => Answer): Promise<Answer> {
    if (this.#isCut || this.#state === 'down' || this.#state === 'closed') {
      await turns(1)
      throw new Error(this.#state === 'closed' ? 'closed' : 'not connected')
    }
    return new Promise((resolve, reject) => {
      const call: Call = { isOver: false, reject }
      this.#waiting.add(call)
      this.#deadlines.start(call)
      void turns(this.turns).then(() => this.#store.arrive(() => {
        if (call.isOver) return
        const answer = run()
        const answered = this.#answering = Promise.all([this.#answering, turns(this.turns)])
        void answered.then(() => {
          this.#waiting.delete(call)
          this.#deadlines.stop(call)
          resolve(answer)
        })
      }))
    })
  }

  /** The connection has ended. */
  #lose (error: Error): void {
    if (this.#state === 'up') {
      this.#state = 'down'
      this.#events!.onState('down', error)
    }
    this.#drop(error)
  }

  #drop (reason: Error): void {
    this.#connection++
    this.#store.disconnect(this)
    this.#subscribed.clear()
    this.#announcing = Promise.resolve()
    this.#answering = Promise.resolve()
    for (const call of this.#waiting) {
      call.isOver = true
      this.#deadlines.stop(call)
      call.reject(reason)
    }
    this.#waiting.clear()
  }

  /** Tells something in the order of the connection. */
  #tell (late: number, tell: (events: BackplaneEvents) => void): void {
    const connection = this.#connection
    this.#announcing = Promise.all([this.#announcing, turns(1 + late)]).then(() => {
      if (connection === this.#connection && this.#state === 'up') tell(this.#events!)
    })
  }
}

function held () {
  let resolve!: () => void
  const promise = new Promise<void>(done => { resolve = done })
  return { promise, resolve }
}

/** The option `backplane`, connected to a store. @param onCreate is given each driver that is made */
export function fakeBackplane (store = new FakeStore(), onCreate: (driver: FakeDriver) => void = () => {}): Backplane {
  return {
    name: 'fake',
    create () {
      const driver = new FakeDriver(store)
      onCreate(driver)
      return driver
    }
  }
}
