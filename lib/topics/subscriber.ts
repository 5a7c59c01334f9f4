import { AsyncResource } from 'node:async_hooks'
import type { SubscribeMessage, UnsubscribeMessage } from '../../types/diagnostics.ts'
import type { Beginning, SubscribeOptions } from '../../types/topics.ts'
import type { Numbered } from '../backplane/engine.ts'
import type { Connection } from '../connection/connection.ts'
import { FST_ERR_WS_NO_HISTORY, FST_ERR_WS_NOT_OPEN, FST_ERR_WS_TOO_MANY_SUBSCRIPTIONS, FST_ERR_WS_TOPIC_OPTION } from '../errors.ts'
import { messagesOut, subscriptions, unsubscriptions } from '../live/channels.ts'
import type { LiveSocket, SocketTopics } from '../live/live-socket.ts'
import { Answer } from '../socket/answer.ts'
import type { Bundle, Delivery } from './bundle.ts'
import type { Channel } from './channel.ts'
import { fanOut } from './fan-out.ts'
import type { Hub } from './hub.ts'
import { checkName } from './name.ts'
import type { Policy } from './policy.ts'
import type { Presence } from './presence.ts'
import type { Publication } from './publication.ts'
import { PublicTopic } from './public-topic.ts'
import { PublishRate } from './publish-rate.ts'
import type { DrainWaiter, Subscribing } from './subscribing.ts'
import { Subscription } from './subscription.ts'
import { Variant } from './variant.ts'

/** A topic that a socket asks for. */
interface Wanted {
  readonly hub: Hub
  readonly name: string
  readonly policy: Policy
  /** Null: the topic does not know its members. */
  readonly presence: Presence | null
  readonly options: SubscribeOptions
}

const NOTHING: readonly Delivery[] = []

/** What one socket is subscribed to, and what it is given at the end of a turn. */
export class Subscriber implements Subscribing, SocketTopics {
  readonly socket: LiveSocket
  readonly #connection: Connection
  bundle: Bundle | null = null

  /** Of the socket's own registration, for names that were not declared. */
  readonly #hub: Hub
  /** Null: it compresses for itself. */
  readonly #variant: Variant | null
  /** By topic: those of two registrations may have the same name. */
  readonly #subscriptions = new Map<object, Subscription>()
  /** Those that wait until the socket has drained; null: none ever has. */
  #waiting: Set<DrainWaiter> | null = null
  /** The last thing that had been published when it was given everything. */
  #version = 0
  #rate: PublishRate | null = null
  /** What it is being given, and how many of these it has: what is called meanwhile may send something, which comes behind. */
  #giving: readonly Delivery[] = NOTHING
  #given = 0
  /** Something was published to all but this socket: what it subscribes to from then on can be left out by a name. */
  #isLeftOut = false

  constructor (socket: LiveSocket, hub: Hub) {
    this.socket = socket
    this.#connection = socket.connection
    this.#hub = hub
    this.#variant = Variant.of(socket)
  }

  get names (): string[] {
    return Array.from(this.#subscriptions.values(), ({ channel }) => channel.name)
  }

  subscribe (args: unknown[]): Promise<Beginning> {
    const report = (error: unknown): void => { this.socket.failed(error) }
    let wanted: Wanted
    try {
      wanted = this.#wanted(args)
    } catch (error) {
      return Answer.of(() => Promise.reject(error), report)
    }
    const known = this.#find(wanted)
    if (known !== undefined) return known.answer!
    const answer = Answer.of(() => this.#begin(wanted), report)
    const subscription = this.#find(wanted)
    if (subscription !== undefined) subscription.answer = answer
    return answer
  }

  unsubscribe (args: unknown[]): boolean {
    const subscription = this.#find(this.#wanted(args))
    if (subscription === undefined) return false
    this.flush()
    this.#end(subscription)
    return true
  }

  #find ({ hub, name }: Wanted): Subscription | undefined {
    const channel = hub.find(name)
    return channel && this.#subscriptions.get(channel)
  }

  /** What the arguments of `subscribe()` ask for. */
  #wanted ([of, ...rest]: unknown[]): Wanted {
    const topic = PublicTopic.insideOf(of)
    if (topic === null) {
      checkName(of)
      const hub = this.#hub
      return { hub, name: of, policy: hub.undeclared, presence: null, options: read(rest[0]) }
    }
    const { hub, presence, hasParams } = topic
    const name = topic.nameOf(hasParams ? rest[0] : {})
    return { hub, name, policy: topic, presence, options: read(rest[hasParams ? 1 : 0]) }
  }

  async #begin ({ hub, name, policy, presence, options: { since, recent = 0, as, begin } }: Wanted): Promise<Beginning> {
    const { socket } = this
    if (as !== undefined && (typeof as !== 'string' || as === '')) throw new FST_ERR_WS_TOPIC_OPTION('as', 'a string that is not empty')
    if (!Number.isSafeInteger(recent) || recent < 0) throw new FST_ERR_WS_TOPIC_OPTION('recent', 'a whole number')
    if (recent > 0 && policy.retention === null) throw new FST_ERR_WS_NO_HISTORY(policy.url || name)
    if (begin !== undefined && typeof begin !== 'function') throw new FST_ERR_WS_TOPIC_OPTION('begin', 'a function')
    if (!socket.connection.isOpen) throw new FST_ERR_WS_NOT_OPEN('subscribe()')
    const max = socket.behaviour.topics.maxSubscriptions
    if (this.#subscriptions.size >= max) throw new FST_ERR_WS_TOO_MANY_SUBSCRIPTIONS(max)
    // With a name of ours: a function may have any as its own.
    const bound = begin === undefined ? null : AsyncResource.bind(begin, 'fastify-sockets.begin')
    const channel = hub.open(name, policy)
    const subscription = new Subscription(this, {
      hub, channel, presence, name: as ?? (this.#isLeftOut ? socket.id : null), recent, begin: bound
    })
    this.#subscriptions.set(channel, subscription)
    try {
      // A client may send anything: what is no text is no position either.
      const beginning = await subscription.start(typeof since === 'string' ? since : null)
      subscription.hasBegun = true
      // What was delivered at once may have had it unsubscribed.
      if (subscriptions.hasSubscribers && this.#subscriptions.get(channel) === subscription) {
        subscriptions.publish({ socket: socket.public, topic: name, url: policy.url, ...beginning } satisfies SubscribeMessage)
      }
      return beginning
    } catch (error) {
      if (this.#subscriptions.get(channel) === subscription) this.#end(subscription)
      throw error
    }
  }

  /** What leaves this socket out of a topic, also if it only subscribes when the message has been published. */
  nameIn (channel: object | undefined): string {
    this.#isLeftOut = true
    return (channel && this.#subscriptions.get(channel))?.named() ?? this.socket.id
  }

  /** @see PublishRate.take */
  mayPublish (): Promise<void> | null | false {
    const { publishLimit } = this.socket.behaviour.topics
    if (publishLimit === null) return null
    this.#rate ??= new PublishRate(publishLimit)
    return this.#rate.take()
  }

  deliver (): number {
    const { bundle } = this
    if (bundle === null) return 0
    this.bundle = null
    if (this.#variant === null || this.#isSlow || messagesOut.hasSubscribers || !this.#write(bundle, this.#variant)) {
      this.give(bundle.deliveries)
    }
    return bundle.deliveries.length
  }

  /** Gives the socket what was published to it, before anything that is sent to it now. */
  flush (): void {
    if (this.#version === fanOut.version && this.#given === this.#giving.length) return
    this.#version = fanOut.version
    const { bundle } = this
    this.bundle = null
    const pending = []
    // Whichever are fewer: a socket may be subscribed to a thousand topics, and be sent something for each message that it publishes.
    const candidates = fanOut.sources.length < this.#subscriptions.size
      ? fanOut.sources.map(source => this.#subscriptions.get(source))
      : this.#subscriptions.values()
    for (const subscription of candidates) {
      if (!subscription?.isLive || !subscription.channel.hasPending) continue
      for (const delivery of subscription.channel.pendingFor(subscription)) pending.push(delivery)
      subscription.reached(subscription.channel.seq)
    }
    pending.sort((a, b) => a.order - b.order)
    this.give(bundle === null ? pending : [...bundle.deliveries, ...pending])
  }

  transmit ({ message, at }: Numbered<Publication>, isPaced: boolean): void {
    let form
    try {
      form = message.form(this.socket.behaviour.codec.encode, at)
    } catch (error) {
      this.socket.failed(error)
      return
    }
    this.socket.transmitPublished(form, isPaced)
  }

  waitForDrain (waiter: DrainWaiter): void {
    (this.#waiting ??= new Set()).add(waiter)
  }

  stopWaiting (waiter: DrainWaiter): void {
    this.#waiting?.delete(waiter)
  }

  /** The socket has drained. */
  drained (): void {
    if (!this.#isSlow || !this.#connection.isOpen) return
    const waiting = [...this.#waiting!].sort((a, b) => a.order - b.order)
    this.#waiting!.clear()
    for (const waiter of waiting) waiter.drained()
  }

  /** The connection has ended. */
  end (): void {
    this.bundle = null
    // Whoever is told of an end might subscribe again.
    const all = [...this.#subscriptions.values()]
    for (const subscription of all) this.#end(subscription)
  }

  /** Whether a message waits, which none may overtake. */
  get #isSlow (): boolean {
    return this.#waiting !== null && this.#waiting.size > 0
  }

  #write (bundle: Bundle, variant: Variant): boolean {
    try {
      const joined = bundle.joined(variant)
      return joined !== null && this.#connection.sendJoined(joined.bytes, joined.count)
    } catch {
      // It is encoded once more for each message: then it is known which one failed.
      return false
    }
  }

  /** Gives the socket what was published, behind what it is being given already. */
  give (deliveries: readonly Delivery[]): void {
    this.#giving = this.#given === this.#giving.length ? deliveries : [...this.#giving.slice(this.#given), ...deliveries]
    this.#given = 0
    while (this.#given < this.#giving.length && this.#connection.isOpen) {
      const delivery = this.#giving[this.#given++] as Delivery<Channel>
      const subscription = this.#subscriptions.get(delivery.target)
      if (subscription?.isLive) subscription.give(delivery)
    }
    this.#giving = NOTHING
    this.#given = 0
  }

  #end (subscription: Subscription): void {
    const { name, policy: { url } } = subscription.channel
    this.#subscriptions.delete(subscription.channel)
    subscription.end()
    if (subscription.hasBegun && unsubscriptions.hasSubscribers) {
      unsubscriptions.publish({ socket: this.socket.public, topic: name, url } satisfies UnsubscribeMessage)
    }
  }
}

/** Reads the options of `subscribe()`, before anything is looked up: reading them may be code of the user's. */
function read (options: unknown): SubscribeOptions {
  const { since, recent, as, begin } = options as SubscribeOptions | null | undefined ?? {}
  return { since, recent, as, begin }
}
