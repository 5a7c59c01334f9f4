import type { Backplane, BackplaneDriver, BackplaneEvents, Retention, StoredMember } from '../../types/backplane.ts'
import { FST_ERR_WS_BACKPLANE } from '../errors.ts'
import { ChainedTopic } from './chained-topic.ts'
import type { Engine, EngineSink, EngineState, Member, Numbered, Part, Top } from './engine.ts'
import { FollowedTopics } from './followed-topics.ts'
import { type MessageCodec, numberedOf } from './following.ts'
import { LooseTopic } from './loose-topic.ts'
import { Outgoing } from './outgoing.ts'
import { RecentBudget } from './recent.ts'
import { readFrom, Sender } from './sender.ts'

/** Milliseconds that a call waits for an engine that cannot be reached, or for a gap to be filled. */
export const PATIENCE = 4000

/** Topics of several processes: what a driver alone does not promise. */
export class RemoteEngine<Message> implements Engine<Message> {
  readonly name: string
  readonly #driver: BackplaneDriver
  readonly #codec: MessageCodec<Message>
  readonly #sender = new Sender()
  readonly #budget = new RecentBudget()
  readonly #outgoing: Outgoing
  readonly #topics: FollowedTopics<Message>
  /** By what was asked: many who ask the same wait for one answer. */
  readonly #reads = new Map<string, Promise<unknown>>()
  #sink: EngineSink<Message> | null = null
  #seq = 0

  constructor (backplane: Backplane, codec: MessageCodec<Message>) {
    this.name = backplane.name
    this.#driver = backplane.create()
    this.#codec = codec
    this.#outgoing = new Outgoing(this.#driver, cause => this.#error('did not take a message', cause))
    this.#topics = new FollowedTopics<Message>({
      driver: this.#driver,
      codec,
      budget: this.#budget,
      nextSeq: () => ++this.#seq,
      tell: (topic, numbered) => { this.#sink?.onMessage(topic, numbered) },
      lost: (topic, top) => { this.#sink?.onLost(topic, top) }
    })
  }

  get state (): EngineState {
    return this.#topics.state
  }

  get lag (): number | null {
    return this.#driver.lag
  }

  async open (sink: EngineSink<Message>): Promise<void> {
    this.#sink = sink
    const events: BackplaneEvents = {
      onMessage: (topic, bytes, place) => { this.#topics.announced(topic, bytes, place) },
      onSignal: bytes => { this.#onSignal(bytes) },
      onGone: (topic, member) => { this.#sink?.onGone(topic, memberOf(member)) },
      onBack: (topic, member) => { this.#sink?.onBack(topic, memberOf(member)) },
      onState: (state, error) => { this.#onState(state, error) }
    }
    await this.#ask('cannot be reached', () => this.#driver.open(events))
    this.#topics.open()
  }

  async whenUp (): Promise<void> {
    await this.#topics.whenUp(null)
  }

  async publish (topic: string, message: Message, retention: Retention | null, id: string | null): Promise<{ at: string }> {
    // First: what is refused must not cost much.
    if (this.#outgoing.isFull) throw this.#error('is too slow: too much that was published waits for it')
    if (retention === null) return this.#publishLoose(topic, message)
    const bytes = this.#codec.encode(message, 0)
    if (!this.#topics.isReachable) throw this.#error('cannot be reached')
    return this.#outgoing.add(topic, bytes, retention, id, bytes.length)
  }

  async subscribe (topic: string, retention: Retention | null): Promise<Top> {
    const followed = this.#topics.find(topic) ??
      this.#topics.add(retention === null ? new LooseTopic(topic, this.#sender, this.#topics) : new ChainedTopic(topic, retention, this.#topics))
    if (!await followed.settled(PATIENCE)) {
      if (followed instanceof ChainedTopic) throw this.#error('does not announce a topic')
      // As in an outage, though it has not been noticed yet.
      followed.down()
    }
    return followed.top
  }

  unsubscribe (topic: string): void {
    this.#topics.remove(topic)
  }

  async read (topic: string, retention: Retention, after: string, limit: number): Promise<Part<Message> | null> {
    const followed = this.#topics.find(topic)
    if (!(followed instanceof ChainedTopic)) return this.#readDirectly(null, topic, retention, after, limit)
    for (;;) {
      if (!await followed.settled(PATIENCE)) throw this.#error('does not answer')
      if (this.#topics.find(topic) !== followed) return null
      const { generation } = followed
      const part = followed.known(after, limit) ??
        (await this.#load(followed) ? followed.known(after, limit) : null) ??
        await this.#readDirectly(followed, topic, retention, after, limit)
      // Otherwise it began anew meanwhile: then it is asked once more.
      if (followed.isLive && followed.generation === generation) return part
    }
  }

  async last (topic: string, retention: Retention, limit: number): Promise<Array<Numbered<Message>>> {
    const key = `${topic}\0${limit} now`
    // Whoever asks later may know of a message that was not there yet when an earlier turn asked.
    if (!this.#reads.has(key)) setImmediate(() => this.#reads.delete(key))
    const messages = await this.#shared(key, () => this.#driver.last(topic, retention, limit))
    const followed = this.#topics.find(topic)
    return numberedOf(messages, this.#codec, followed instanceof ChainedTopic ? followed.base : 0)
  }

  async join (topic: string, { id, info }: Member): Promise<boolean> {
    const member = { id, info: JSON.stringify(info) ?? '' }
    return this.#ask('did not take a member', () => this.#driver.join(topic, member))
  }

  leave (topic: string, id: string): Promise<boolean> {
    return this.#ask('did not let a member go', () => this.#driver.leave(topic, id))
  }

  async members (topic: string): Promise<Member[]> {
    const members = await this.#ask('did not answer', () => this.#driver.members(topic))
    return members.map(memberOf)
  }

  count (topic: string): Promise<number> {
    return this.#ask('did not answer', () => this.#driver.count(topic))
  }

  signal (bytes: Uint8Array): Promise<void> {
    const signed = Buffer.concat([Buffer.alloc(Sender.ROOM), bytes])
    this.#sender.sign(this.#sender.next(), signed)
    return this.#ask('did not take a signal', () => this.#driver.signal(signed))
  }

  async close (): Promise<void> {
    this.#sink = null
    this.#topics.close()
    // What a closed socket has published is not lost with its process.
    await this.#outgoing.settled()
    await this.#driver.close()
  }

  async #publishLoose (topic: string, message: Message): Promise<{ at: string }> {
    const bytes = this.#codec.encode(message, Sender.ROOM)
    const n = this.#sender.next()
    this.#sender.sign(n, bytes)
    const followed = this.#topics.find(topic)
    const loose = followed instanceof LooseTopic ? followed : null
    loose?.published(n, message, bytes.length)
    try {
      // The message itself waits too, to be delivered here.
      if (this.#topics.isReachable) await this.#outgoing.add(topic, bytes, null, null, 2 * bytes.length)
    } catch {
      // Others do not get it; that the engine cannot be reached is told by its state.
      loose?.notPublished(n)
    }
    return { at: this.#sender.at(n) }
  }

  /** Reads everything that a process keeps of a topic, once for all who ask. @returns whether there is more than before */
  async #load (followed: ChainedTopic<Message>): Promise<boolean> {
    const { recent, topic, retention } = followed
    if (recent.isLoaded) return false
    const messages = await this.#shared(`${topic}\0`, () => this.#driver.last(topic, retention, recent.size))
    if (!recent.isLoaded) recent.prepend(numberedOf(messages, this.#codec, followed.base))
    return true
  }

  async #readDirectly (
    followed: ChainedTopic<Message> | null, topic: string, retention: Retention, after: string, limit: number
  ): Promise<Part<Message> | null> {
    // Whoever asks after a loss does not get what was asked before it.
    const part = await this.#shared(`${topic}\0${followed?.generation ?? ''} ${limit} ${after}`, () => this.#driver.read(topic, retention, after, limit))
    if (part === null) return null
    const base = followed?.base ?? 0
    return { messages: numberedOf(part.messages, this.#codec, base), upTo: base + part.upTo.seq, at: part.upTo.at }
  }

  /** Asks, unless somebody is asking the same already. @param key another one for each question */
  #shared<Answer> (key: string, read: () => Promise<Answer>): Promise<Answer> {
    let answer = this.#reads.get(key) as Promise<Answer> | undefined
    if (answer === undefined) {
      answer = this.#ask('did not answer', read).finally(() => {
        if (this.#reads.get(key) === answer) this.#reads.delete(key)
      })
      this.#reads.set(key, answer)
    }
    return answer
  }

  async #ask<Answer> (fault: string, ask: () => Promise<Answer>): Promise<Answer> {
    try {
      return await ask()
    } catch (cause) {
      throw this.#error(fault, cause)
    }
  }

  #error (fault: string, cause?: unknown): Error {
    return new FST_ERR_WS_BACKPLANE(this.name, fault, { cause })
  }

  #onSignal (bytes: Uint8Array): void {
    const { own, body } = readFrom(bytes, this.#sender)
    if (own === null) this.#sink?.onSignal(body)
  }

  #onState (state: EngineState, error: Error | null): void {
    if (state === 'down') {
      this.#topics.down()
      this.#sink?.onState('down', error)
      return
    }
    void this.#topics.rejoin().then(isUp => { if (isUp) this.#sink?.onState('up', null) })
  }
}

/** @param info JSON that this package has written, or anything else that the store has */
function memberOf ({ id, info }: StoredMember): Member {
  try {
    return { id, info: info === '' ? undefined : JSON.parse(info) }
  } catch {
    return { id, info: undefined }
  }
}
