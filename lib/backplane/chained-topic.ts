import type { AnnouncedPlace, BackplaneDriver, Place, Retention } from '../../types/backplane.ts'
import type { Part, Top } from './engine.ts'
import { Gate } from './gate.ts'
import { Recent } from './recent.ts'
import type { Followed, Following } from './following.ts'

/** How many messages are read at a time to fill a gap. */
const CHUNK = 128

/** Announcements that wait while a gap is being filled. What does not fit is read later. */
const MOST_WAITING = 1000
const MOST_WAITING_BYTES = 4 * 1024 * 1024

/**
 * JOINING: what is announced waits, until it is known where the topic stands. LIVE: announced, and nothing is missing up to the
 * last. CHECKING: something may be missing, and is being read. DOWN: not announced any more.
 */
type State = 'JOINING' | 'LIVE' | 'CHECKING' | 'DOWN'

interface Announcement {
  readonly bytes: Uint8Array
  readonly place: AnnouncedPlace
}

/**
 * A topic with a retention that this process is subscribed to. Each announcement must come right behind the last; otherwise
 * what lies between is read before anything else is told.
 */
export class ChainedTopic<Message> implements Followed {
  readonly topic: string
  readonly retention: Retention
  readonly recent: Recent<Message>
  readonly #following: Following<Message>
  readonly #driver: BackplaneDriver
  readonly #settled = new Gate()
  #state: State = 'JOINING'
  #last: Place | null = null
  #base = 0
  /** Rises when something was lost: what was read before does not belong to what comes. */
  #generation = 0
  #waiting: Announcement[] = []
  #waitingBytes = 0
  /** Rises with each check: an outage may end one, and begin another before the first has noticed. */
  #checks = 0

  constructor (topic: string, retention: Retention, following: Following<Message>) {
    this.topic = topic
    this.retention = retention
    this.recent = new Recent(retention.size, retention.ttl, following.budget)
    this.#following = following
    this.#driver = following.driver
  }

  get generation (): number {
    return this.#generation
  }

  /** What the numbers of the engine are raised by, because they may begin anew. */
  get base (): number {
    return this.#base
  }

  get isLive (): boolean {
    return this.#state === 'LIVE'
  }

  /** Where the topic stands, as far as it has been told. */
  get top (): Top {
    return this.#last === null ? { seq: 0, at: '' } : { seq: this.#base + this.#last.seq, at: this.#last.at }
  }

  /** Resolves with whether it is live. @param deadline in milliseconds */
  settled (deadline: number): Promise<boolean> {
    return this.#settled.wait(deadline)
  }

  joining (): void {
    this.#state = 'JOINING'
    this.#settled.close()
  }

  async joined (place: Place): Promise<void> {
    if (this.#last === null) {
      this.#last = place
      this.recent.begin(place.at)
      this.#settle()
    } else if (place.at === this.#last.at) {
      this.#settle()
    } else {
      await this.#check()
    }
  }

  announced (bytes: Uint8Array, place: AnnouncedPlace | null): void {
    if (this.#state === 'DOWN' || place === null) return
    if (this.#state !== 'LIVE') this.#keep({ bytes, place })
    else if (this.#driver.isNext(this.#last!, place)) this.#tell(bytes, place)
    // What was read may be announced later. By its number alone it is not known: a store may have begun anew.
    else if (!this.#knows(place.at)) void this.#check()
  }

  down (): void {
    this.#state = 'DOWN'
    this.#settled.close()
    this.#forgetWaiting()
  }

  end (): void {
    this.down()
    this.recent.forget()
    this.#settled.open()
  }

  /** What is known here of what comes behind a position; null: nothing. */
  known (after: string, limit: number): Part<Message> | null {
    const { top, recent } = this
    const messages = after === top.at ? [] : recent.after(after, limit)
    if (messages === null) return null
    const { seq, at } = messages.length === limit ? messages.at(-1)! : top
    return { messages, upTo: seq, at }
  }

  /** Whether a message has been told: the last, or one that is still kept here. */
  #knows (at: string): boolean {
    return at === this.#last!.at || this.recent.has(at)
  }

  /** What is missing is read: from the last message on. What is announced meanwhile waits. */
  async #check (): Promise<void> {
    this.#state = 'CHECKING'
    this.#settled.close()
    const check = ++this.#checks
    const isOver = (): boolean => this.#state !== 'CHECKING' || check !== this.#checks
    try {
      for (let isMore = true; isMore;) {
        // What has been announced before is read, unless the store has lost it: then it must not be told.
        this.#forgetWaiting()
        const part = await this.#driver.read(this.topic, this.retention, this.#last!.at, CHUNK)
        if (isOver()) return
        if (part === null) {
          const [place] = await this.#driver.subscribe([{ topic: this.topic, retention: this.retention }])
          if (!isOver()) this.#beginAnew(place!)
          return
        }
        for (const { bytes, seq, at } of part.messages) this.#tell(bytes, { seq, at })
        this.#last = part.upTo
        isMore = part.messages.length === CHUNK
      }
    } catch {
      // The engine cannot be asked at present.
      if (isOver()) return
      this.down()
      this.#following.retry(this)
      return
    }
    this.#settle()
  }

  /** Something is missing that cannot be read. */
  #beginAnew (place: Place): void {
    this.#base += this.#last!.seq + 1 - place.seq
    this.#last = place
    this.#generation++
    this.recent.begin(place.at)
    this.#following.lost(this.topic, this.top)
    this.#settle()
  }

  /** Nothing is missing up to the last: tells what was announced meanwhile. */
  #settle (): void {
    this.#state = 'LIVE'
    const waiting = this.#waiting
    this.#forgetWaiting()
    const known = waiting.findLastIndex(({ place }) => place.at === this.#last!.at)
    for (const { bytes, place } of waiting.slice(known + 1)) {
      this.announced(bytes, place)
      // The rest is read.
      if (!this.isLive) return
    }
    this.#settled.open()
  }

  #keep (announcement: Announcement): void {
    // Whichever comes next does not fit, so that it is noticed.
    if (this.#waiting.length === MOST_WAITING || this.#waitingBytes > MOST_WAITING_BYTES) this.#forgetWaiting()
    this.#waiting.push(announcement)
    this.#waitingBytes += announcement.bytes.length
  }

  #forgetWaiting (): void {
    this.#waiting = []
    this.#waitingBytes = 0
  }

  #tell (bytes: Uint8Array, { seq, at }: Place): void {
    this.#last = { seq, at }
    const message = this.#following.codec.decode(bytes)
    if (message === null) return
    const numbered = { message, seq: this.#base + seq, at }
    this.recent.push(numbered, bytes.length)
    this.#following.tell(this.topic, numbered)
  }
}
