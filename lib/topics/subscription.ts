import type { Beginning } from '../../types/topics.ts'
import { at, type Due, TURN_END } from '../connection/due.ts'
import { FST_ERR_WS_LAGGING, FST_ERR_WS_LOST, FST_ERR_WS_NOT_OPEN, FST_ERR_WS_UNSUBSCRIBED } from '../errors.ts'
import type { Encode } from '../socket/prepared-message.ts'
import { beginLater, runBegin } from './begin.ts'
import type { Delivery } from './bundle.ts'
import { CatchUp, type Reading } from './catch-up.ts'
import type { Channel, Listener } from './channel.ts'
import { type Chunk, chunkOf, readHistory, readRecent } from './history-reader.ts'
import type { Presence } from './presence.ts'
import type { Begin, DrainWaiter, Subscribing, SubscriptionHub, SubscriptionParts } from './subscribing.ts'
import { Tail } from './tail.ts'

/**
 * JOINING: the engine has yet to answer. HELD: `begin` runs, and what is published is kept. LIVE: gets what is published.
 * BEHIND: reads the history at the pace of its socket, and is not given what is published. ENDED: gets nothing more.
 */
type State = 'JOINING' | 'HELD' | 'LIVE' | 'BEHIND' | 'ENDED'

/** One socket's subscription to one topic. */
export class Subscription implements Listener, DrainWaiter, Due, Reading {
  readonly channel: Channel
  readonly receiver: Subscribing
  name: string | null
  index = -1
  after = 0

  /** Whether the answer has been given: until then it has not been announced either. */
  hasBegun = false

  /** What `subscribe()` has returned. */
  answer: Promise<Beginning> | null = null

  readonly #hub: SubscriptionHub
  /** Null: the topic does not know its members. */
  readonly #presence: Presence | null
  readonly #recent: number
  readonly #begin: Begin | null
  #isMember = false
  #state: State = 'JOINING'
  /** While HELD: messages were lost, so that what `begin` was told is not true any more. */
  #isLost = false
  readonly #catchUp: CatchUp
  /** How many messages were published while HELD. */
  #heldBack = 0
  /** While HELD; null: what is published is read from the history. */
  #tail: Tail<Channel> | null = null
  /** With `overflow: 'latest'`: the message to be sent when the socket has drained. */
  #latest: Delivery<Channel> | null = null

  constructor (receiver: Subscribing, { hub, channel, presence, name, recent, begin }: SubscriptionParts) {
    this.#hub = hub
    this.#presence = presence
    this.channel = channel
    this.receiver = receiver
    this.name = name
    this.#recent = recent
    this.#begin = begin
    this.#catchUp = new CatchUp(this, hub.engine)
    channel.add(this)
    if (name !== null) channel.addName(this)
  }

  get encode (): Encode {
    return this.receiver.socket.behaviour.codec.encode
  }

  get isLive (): boolean {
    return this.#state === 'LIVE'
  }

  /** Whether it reads the history. */
  get isBehind (): boolean {
    return this.#state === 'BEHIND' && this.receiver.socket.connection.isOpen
  }

  /** The name that leaves it out: its socket's id, unless it has one already. */
  named (): string {
    if (this.name === null) {
      this.name = this.receiver.socket.id
      this.channel.addName(this)
    }
    return this.name
  }

  /** @param since where the client stands; null: nowhere */
  async start (since: string | null): Promise<Beginning> {
    const { channel } = this
    // Also if there is nothing to wait for: nothing of the user's may run before the answer is known by the caller.
    await channel.ready
    this.#mustGoOn()
    this.#hold()
    if (this.#presence !== null) {
      await this.#enter(this.#presence)
      this.#mustGoOn()
    }
    const missed = since === null ? null : await readHistory(this.#hub.engine, this.channel, since)
    this.#mustGoOn()
    const recovered = missed !== null && !this.#isLost
    if (recovered) {
      this.#catchUp.at = since!
      this.#tail = null
      channel.policy.counts.recovered++
    } else if (since !== null) {
      channel.policy.counts.lost++
    }
    return this.#beginWith({ recovered, at: this.#catchUp.at }, missed)
  }

  /** It is given everything up to this number. It may have read more. */
  reached (seq: number): void {
    if (seq > this.after) this.after = seq
  }

  /** It is given a message at the end of a turn, or what waits while it is held. */
  give (delivery: Delivery<Channel>): void {
    const { socket } = this.receiver
    const { policy } = this.channel
    if (policy.overflow === undefined || socket.bufferedAmount <= socket.behaviour.highWaterMark) {
      this.#dropLatest()
      this.receiver.transmit(delivery.numbered, policy.overflow === 'catch-up')
    } else if (policy.overflow === 'latest') {
      this.#dropLatest()
      this.#latest = delivery
      this.receiver.waitForDrain(this)
    } else if (policy.overflow === 'drop') {
      this.#missed(1)
    } else if (policy.overflow === 'close') {
      this.#closeLagging()
    } else {
      this.channel.leave(this)
      this.#fallBehind(chunkOf([delivery.numbered]))
      this.receiver.waitForDrain(this)
    }
  }

  lost (): void {
    const { retention, counts } = this.channel.policy
    if (this.#state === 'HELD') {
      this.#hold()
      this.#isLost = true
    // Without a history nobody was promised that nothing is missed, unless it has told what it begins with.
    } else if (retention !== null || this.#begin !== null) {
      counts.lost++
      this.channel.leave(this)
      this.#dropLatest()
      this.#hold()
      beginLater(this)
    }
  }

  /** Messages were lost, of which its socket is told now. */
  beginAgain (): void {
    if (this.#state !== 'HELD' || !this.receiver.socket.connection.isOpen) return
    if (this.#begin === null) {
      this.receiver.socket.onLagging(new FST_ERR_WS_LOST(this.channel.name), 'messages were lost')
      return
    }
    this.#beginWith({ recovered: false, at: this.#catchUp.at }, null).catch(error => {
      const { socket } = this.receiver
      // It was unsubscribed meanwhile.
      if (this.#state !== 'HELD') return
      socket.failed(error)
      // It has missed something, and was not told.
      if (socket.connection.isOpen) this.#closeLagging()
    })
  }

  hold (delivery: Delivery<Channel>): void {
    this.#heldBack++
    const { except } = delivery.numbered.message
    if (this.#tail === null || this.#tail.isFull || (except !== null && except === this.name)) return
    const missed = this.#tail.add(delivery)
    if (missed !== null) this.#missed(missed)
    // Not now: the listeners of the socket would be called in the midst of a publish().
    else if (this.channel.policy.retention === null) at(TURN_END, this)
  }

  /** Too much was published while it was held, and there is no history to read it from. */
  onDue (): void {
    if (this.#state !== 'ENDED') this.#closeLagging()
  }

  /** The socket has drained. */
  drained (): void {
    if (this.#state === 'BEHIND') {
      void this.#catchUp.read()
    } else if (this.#latest !== null && !this.waitsIfCongested()) {
      const { numbered } = this.#latest
      this.#latest = null
      this.receiver.transmit(numbered, false)
    }
  }

  /** When the message that waits for the socket was published; 0 if none does. */
  get order (): number {
    return this.#latest?.order ?? 0
  }

  /** Gets nothing more. */
  end (): void {
    this.#state = 'ENDED'
    this.#tail = null
    this.#latest = null
    this.#catchUp.end()
    this.receiver.stopWaiting(this)
    this.channel.remove(this)
    this.#hub.release(this.channel)
    if (this.#isMember) this.#presence!.exit(this.channel.name, this.receiver.socket)
  }

  #mustGoOn (): void {
    const { isOpen } = this.receiver.socket.connection
    if (this.#state !== 'ENDED' && isOpen) return
    if (isOpen) throw new FST_ERR_WS_UNSUBSCRIBED()
    throw new FST_ERR_WS_NOT_OPEN('subscribe()')
  }

  /** Keeps what is published from now on. */
  #hold (): void {
    this.#state = 'HELD'
    this.after = this.channel.seq
    this.#heldBack = 0
    this.#catchUp.at = this.channel.at
    this.#tail = Tail.of(this.receiver.socket.behaviour, this.channel.policy)
    this.channel.keepFor(this)
  }

  async #enter (presence: Presence): Promise<void> {
    const { socket } = this.receiver
    const info = presence.describe(socket)
    this.#isMember = true
    await presence.enter(this.channel.name, socket, info)
  }

  /** Calls `begin`, once more if messages are lost meanwhile, and then goes on. @param missed what comes first */
  async #beginWith (beginning: Beginning, missed: Chunk | null): Promise<Beginning> {
    const { socket } = this.receiver
    for (;;) {
      this.#isLost = false
      if (this.#begin !== null) {
        await runBegin(this.#begin, beginning, socket)
        this.#mustGoOn()
      }
      // Not before: the messages of many sockets would be kept as long as their `begin` runs.
      if (this.#recent > 0 && !beginning.recovered && !this.#isLost) {
        const asked = { recent: this.#recent, newer: this.#heldBack, upTo: this.after }
        missed = await readRecent(this.#hub.engine, this.channel, asked, () => this.hasBegun && this.#state === 'HELD' && socket.connection.isOpen)
        this.#mustGoOn()
      }
      if (!this.#isLost) break
      beginning = { recovered: false, at: this.#catchUp.at }
      missed = null
    }
    this.#goOn(missed)
    return beginning
  }

  /** `begin` has ended: delivers what was kept, or reads it. */
  #goOn (missed: Chunk | null): void {
    const tail = this.#tail
    this.#tail = null
    this.channel.leave(this)
    if (tail !== null && !tail.isFull && missed === null) {
      this.caughtUp(this.channel.seq)
      this.receiver.give(tail.deliveries)
      return
    }
    this.#fallBehind(tail === null ? missed : tail.behind(missed, this.channel))
    void this.#catchUp.read()
  }

  /** It leaves those who are given what is published. @param next what it reads first */
  #fallBehind (next: Chunk | null): void {
    this.#state = 'BEHIND'
    this.#catchUp.begin(next)
    this.after = 0
  }

  caughtUp (upTo: number): void {
    this.#state = 'LIVE'
    // What has been read may not have been announced yet.
    this.after = upTo
    this.channel.join(this)
  }

  waitsIfCongested (): boolean {
    const { socket } = this.receiver
    const isCongested = socket.bufferedAmount > socket.behaviour.highWaterMark
    if (isCongested) this.receiver.waitForDrain(this)
    return isCongested
  }

  /** What it has missed is not in the history any more. */
  fellOut (): void {
    this.channel.policy.counts.lost++
    if (this.#begin === null) {
      this.#closeLagging()
      return
    }
    this.#hold()
    this.beginAgain()
  }

  #dropLatest (): void {
    if (this.#latest === null) return
    this.#latest = null
    this.#missed(1)
  }

  #missed (count: number): void {
    this.receiver.socket.dropped += count
    this.channel.policy.counts.dropped += count
  }

  #closeLagging (): void {
    this.receiver.socket.onLagging(new FST_ERR_WS_LAGGING(this.channel.name), 'the peer reads too slowly')
  }
}
