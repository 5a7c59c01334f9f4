import type { PublishMessage } from '../../types/diagnostics.ts'
import type { Published } from '../../types/topics.ts'
import type { Engine, Numbered, Top } from '../backplane/engine.ts'
import { FST_ERR_WS_NO_HISTORY } from '../errors.ts'
import { publications } from '../live/channels.ts'
import { Channel } from './channel.ts'
import { fanOut } from './fan-out.ts'
import { noCounts, type Policy } from './policy.ts'
import type { Publication } from './publication.ts'

/** At most one failure is logged in so many milliseconds. */
const BETWEEN_COMPLAINTS = 1000

/** Says that something which nobody waits for has failed. */
type Complain = (error: unknown, topic: string, untold: number) => void

/** Topics of one registration: those that somebody in this process is subscribed to, and the engine that connects them. */
export class Hub {
  readonly engine: Engine<Publication>
  /** Of names that were not declared. */
  readonly undeclared: Policy = { url: '', retention: null, overflow: undefined, counts: noCounts() }
  readonly #channels = new Map<string, Channel>()
  readonly #complain: Complain
  #complainedAt = -Infinity
  #untold = 0

  constructor (engine: Engine<Publication>, complain: Complain) {
    this.engine = engine
    this.#complain = complain
  }

  get channels (): Iterable<Channel> {
    return this.#channels.values()
  }

  /** The topic of this name; undefined: nobody is subscribed to it. */
  find (name: string): Channel | undefined {
    return this.#channels.get(name)
  }

  /** The topic of this name, which somebody is about to subscribe to. */
  open (name: string, policy: Policy): Channel {
    let channel = this.#channels.get(name)
    if (channel === undefined) {
      channel = new Channel(name, policy, this.engine.subscribe(name, policy.retention))
      this.#channels.set(name, channel)
    }
    return channel
  }

  /** Somebody is no longer subscribed. */
  release (channel: Channel): void {
    if (channel.size > 0 || this.#channels.get(channel.name) !== channel) return
    this.#channels.delete(channel.name)
    this.engine.unsubscribe(channel.name)
  }

  /**
   * Keeps nothing of the publication while it waits for the answer.
   *
   * @param id of the message: see `PublishOptions`
   * @throws what the message or its id is refused for
   */
  publish (name: string, policy: Policy, publication: Publication, id: string | undefined): Promise<Published> {
    const { retention, counts } = policy
    if (id !== undefined && retention === null) throw new FST_ERR_WS_NO_HISTORY(policy.url || name)
    // A message that a route cannot encode is refused here, where its publisher learns of it.
    for (const encode of this.#channels.get(name)?.encoders ?? []) publication.check(encode)
    return this.engine.publish(name, publication, retention, id ?? null).then(({ at }) => {
      counts.published++
      if (publications.hasSubscribers) publications.publish({ topic: name, url: policy.url, at } satisfies PublishMessage)
      return { at }
    })
  }

  /** Logs a failure that nobody waits for, but not each of many. */
  report (error: unknown, topic: string): void {
    const now = performance.now()
    if (now - this.#complainedAt < BETWEEN_COMPLAINTS) {
      this.#untold++
      return
    }
    this.#complain(error, topic, this.#untold)
    this.#complainedAt = now
    this.#untold = 0
  }

  onMessage (topic: string, numbered: Numbered<Publication>): void {
    this.#channels.get(topic)?.onMessage(numbered, ++fanOut.order)
  }

  onLost (topic: string, top: Top): void {
    this.#channels.get(topic)?.onLost(top)
  }
}
