import type { AnnouncedPlace, BackplaneDriver, Place } from '../../types/backplane.ts'
import type { EngineState, Numbered, Top } from './engine.ts'
import type { Followed, Following, MessageCodec } from './following.ts'
import { Gate } from './gate.ts'
import type { RecentBudget } from './recent.ts'

/** So many topics are subscribed to with one call, and checked at a time after an outage. */
const AT_A_TIME = 200

/** Milliseconds until what the engine could not do is tried again. */
const RETRY_AFTER = 1000

/**
 * NEW: not open yet. DOWN: the engine cannot be reached. REJOINING: it can, and is told what this process is subscribed to.
 * UP: it announces everything. CLOSED: for good.
 */
type State = 'NEW' | 'DOWN' | 'REJOINING' | 'UP' | 'CLOSED'

/** The topics that this process is subscribed to. The engine is told of changes once a turn. */
export class FollowedTopics<Message> implements Following<Message> {
  readonly driver: BackplaneDriver
  readonly codec: MessageCodec<Message>
  readonly budget: RecentBudget
  readonly nextSeq: () => number
  readonly tell: (topic: string, numbered: Numbered<Message>) => void
  readonly lost: (topic: string, top: Top) => void

  readonly #topics = new Map<string, Followed>()
  readonly #up = new Gate()
  #state: State = 'NEW'
  /** Rises with each outage: what was begun before it is not finished. */
  #round = 0
  readonly #toJoin = new Set<Followed>()
  readonly #toLeave = new Set<string>()
  #isGathering = false
  readonly #toRetry = new Set<Followed>()
  #retryTimer: NodeJS.Timeout | null = null

  constructor ({ driver, codec, budget, nextSeq, tell, lost }: Omit<Following<Message>, 'retry'>) {
    this.driver = driver
    this.codec = codec
    this.budget = budget
    this.nextSeq = nextSeq
    this.tell = tell
    this.lost = lost
  }

  get state (): EngineState {
    return this.#state === 'UP' ? 'up' : 'down'
  }

  /** Whether the engine takes what is published, though it may not announce everything yet. */
  get isReachable (): boolean {
    return this.#state === 'UP' || this.#state === 'REJOINING'
  }

  /** Resolves when the engine announces everything, or has been closed. @param deadline in milliseconds; null: none */
  whenUp (deadline: number | null): Promise<boolean> {
    return this.#up.wait(deadline)
  }

  find (topic: string): Followed | undefined {
    return this.#topics.get(topic)
  }

  add<Topic extends Followed> (topic: Topic): Topic {
    this.#topics.set(topic.topic, topic)
    this.#toJoin.add(topic)
    if (!this.isReachable) topic.down()
    this.#gather()
    return topic
  }

  remove (name: string): void {
    const topic = this.#topics.get(name)
    if (topic === undefined) return
    // First: what it still delivers is for nobody.
    this.#topics.delete(name)
    topic.end()
    this.#toJoin.delete(topic)
    this.#toLeave.add(name)
    this.#gather()
  }

  announced (name: string, bytes: Uint8Array, place: AnnouncedPlace | null): void {
    this.#topics.get(name)?.announced(bytes, place)
  }

  open (): void {
    // It may have been closed, or have gone down, before anybody learned that it was open.
    if (this.#state !== 'NEW') return
    this.#state = 'UP'
    this.#up.open()
  }

  /** The engine cannot be reached. */
  down (): void {
    if (this.#state === 'CLOSED') return
    this.#round++
    this.#state = 'DOWN'
    this.#up.close()
    // All topics are joined when it can be reached again.
    this.#toJoin.clear()
    this.#toRetry.clear()
    for (const topic of this.#topics.values()) topic.down()
  }

  /** The engine can be reached again. Resolves with whether it announces everything now. */
  async rejoin (): Promise<boolean> {
    if (this.#state === 'CLOSED') return false
    const round = ++this.#round
    this.#state = 'REJOINING'
    const topics = [...this.#topics.values()]
    for (let i = 0; i < topics.length; i += AT_A_TIME) {
      // Who has left meanwhile must not be announced again.
      await this.#join(topics.slice(i, i + AT_A_TIME).filter(topic => this.#topics.get(topic.topic) === topic))
      if (round !== this.#round) return false
    }
    this.#state = 'UP'
    this.#up.open()
    return true
  }

  retry (topic: Followed): void {
    this.#toRetry.add(topic)
    this.#retryTimer ??= setTimeout(() => this.#retryAll(), RETRY_AFTER).unref()
  }

  close (): void {
    this.#round++
    this.#state = 'CLOSED'
    this.#up.open()
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer)
    for (const topic of this.#topics.values()) topic.end()
    this.#topics.clear()
  }

  #gather (): void {
    if (this.#isGathering) return
    this.#isGathering = true
    setImmediate(() => {
      this.#isGathering = false
      void this.#tellChanges()
    })
  }

  async #tellChanges (): Promise<void> {
    const leaving = [...this.#toLeave].filter(name => !this.#topics.has(name))
    const joining = [...this.#toJoin]
    this.#toLeave.clear()
    this.#toJoin.clear()
    if (!this.isReachable) return
    if (leaving.length > 0) this.driver.unsubscribe(leaving)
    for (let i = 0; i < joining.length; i += AT_A_TIME) void this.#join(joining.slice(i, i + AT_A_TIME))
  }

  async #join (wanted: ReadonlyArray<Followed>): Promise<void> {
    const round = this.#round
    const topics = wanted.filter(topic => this.#isStill(topic, round))
    for (const topic of topics) topic.joining()
    let places: Array<Place | null>
    try {
      places = await this.driver.subscribe(topics.map(({ topic, retention }) => ({ topic, retention })))
    } catch {
      for (const topic of topics) if (this.#isStill(topic, round)) this.#notJoined(topic)
      return
    }
    await Promise.all(topics.map((topic, i) => this.#isStill(topic, round) ? topic.joined(places[i]!) : null))
  }

  /** Whether it is subscribed to, and the engine has not been away since. */
  #isStill (topic: Followed, round: number): boolean {
    return round === this.#round && this.#topics.get(topic.topic) === topic
  }

  #notJoined (topic: Followed): void {
    topic.down()
    this.retry(topic)
  }

  #retryAll (): void {
    this.#retryTimer = null
    const topics = [...this.#toRetry]
    this.#toRetry.clear()
    for (let i = 0; i < topics.length; i += AT_A_TIME) void this.#join(topics.slice(i, i + AT_A_TIME))
  }
}
