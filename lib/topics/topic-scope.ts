import type { SocketSet, SocketStats, TopicFigures } from '../../types/socket.ts'
import type { Engine, EngineState } from '../backplane/engine.ts'
import { MemoryEngine } from '../backplane/memory.ts'
import { RemoteEngine } from '../backplane/remote.ts'
import { FST_ERR_WS_TOPIC_TWICE } from '../errors.ts'
import { publicSet } from '../live/live-set.ts'
import type { LiveSocket, SocketTopics } from '../live/live-socket.ts'
import type { Scope } from '../live/scope.ts'
import { Answer } from '../socket/answer.ts'
import { Hub } from './hub.ts'
import type { Policy } from './policy.ts'
import type { Presence } from './presence.ts'
import type { Publication } from './publication.ts'
import { PublicationCodec } from './publication-codec.ts'
import { publishByName } from './publish.ts'
import { Signals } from './signals.ts'
import { Subscriber } from './subscriber.ts'
import type { DeclaredTopic, TopicCompilers } from './topic.ts'
import { sendToAll, Users } from './users.ts'

/** Whom a registration tells what nobody waits for. */
export interface TopicReports {
  /** Something failed, and so did some more of which nothing was told. */
  failed (error: unknown, topic: string, untold: number): void
  /** The backplane can be reached again, or cannot. */
  state (state: EngineState, name: string, error: Error | null): void
}

/** Everything about topics and users that belongs to one registration of the plugin. */
export class TopicScope {
  readonly users: Users
  /** `app.sockets`. */
  readonly public: SocketSet
  readonly #scope: Scope
  readonly #reports: TopicReports
  readonly #engine: Engine<Publication>
  readonly #hub: Hub
  readonly #signals: Signals
  readonly #topics: DeclaredTopic[] = []

  constructor (scope: Scope, reports: TopicReports) {
    const { backplane, identify } = scope.options
    const codec = new PublicationCodec(error => { this.#report(error) })
    this.#scope = scope
    this.#reports = reports
    this.#engine = backplane === undefined ? new MemoryEngine() : new RemoteEngine(backplane, codec)
    this.#hub = new Hub(this.#engine, reports.failed)
    this.#signals = new Signals(this.#engine, codec)
    this.users = new Users(identify, error => { this.#report(error) }, (signal, here) => this.#signals.send(signal, here))
    this.public = this.#publicSet()
  }

  /** @throws {FST_ERR_WS_BACKPLANE} if the backplane cannot be reached */
  open (): Promise<void> {
    return this.#engine.open({
      onMessage: (topic, numbered) => { this.#hub.onMessage(topic, numbered) },
      onLost: (topic, top) => { this.#hub.onLost(topic, top) },
      onGone: (topic, member) => { this.#presenceOf(topic)?.changed('left', topic, member) },
      onBack: (topic, member) => { this.#presenceOf(topic)?.changed('joined', topic, member) },
      onSignal: bytes => { this.#onSignal(bytes) },
      onState: (state, error) => { this.#reports.state(state, this.#engine.name!, error) }
    })
  }

  /** @throws {FST_ERR_WS_TOPIC_TWICE} */
  add (topic: DeclaredTopic, compilers: TopicCompilers): void {
    const other = this.#topics.find(one => one.overlaps(topic))
    if (other !== undefined) throw new FST_ERR_WS_TOPIC_TWICE(topic.url, other.url)
    this.#topics.push(topic)
    topic.boot(this.#hub, compilers)
  }

  /** What a socket is subscribed to. */
  topicsOf (socket: LiveSocket): SocketTopics {
    return new Subscriber(socket, this.#hub)
  }

  async close (): Promise<void> {
    for (const topic of this.#topics) topic.close()
    await this.#engine.close()
  }

  /** Null: a topic that this process has not declared, or of which nobody wants to know the members. */
  #presenceOf (name: string): Presence | null {
    return this.#topics.find(topic => topic.matches(name))?.presence ?? null
  }

  #onSignal (bytes: Uint8Array): void {
    const signal = this.#signals.read(bytes)
    try {
      if (signal?.do === 'close') this.users.close(signal.user, signal.code, signal.reason)
      else if (signal?.do === 'send') this.#sendHere(signal.user, signal.message)
    } catch (error) {
      this.#report(error)
    }
  }

  /** @param user null: to everybody */
  #sendHere (user: string | null, message: unknown): void {
    if (user === null) sendToAll(this.#scope.live, message)
    else this.users.send(user, message)
  }

  #report (error: unknown): void {
    this.#hub.report(error, '')
  }

  #publicSet (): SocketSet {
    const { live } = this.#scope
    const engine = this.#engine
    const report = (error: unknown): void => { this.#report(error) }
    const set = Object.assign(publicSet(live), {
      publish: (name: string, message: unknown, options?: object) => publishByName(this.#hub, name, message, options),
      broadcast: (message: unknown) => Answer.of(() => {
        return this.#signals.send({ do: 'send', user: null, message }, () => { this.#sendHere(null, message) })
      }, report),
      user: (id: string) => this.users.of(id),
      stats: (): SocketStats => ({ ...live.stats.figures(live), topics: this.#figures() })
    })
    return Object.defineProperty(set, 'backplane', {
      enumerable: true,
      get: () => engine.name === null ? null : { name: engine.name, state: engine.state, lag: engine.lag }
    }) as typeof set & Pick<SocketSet, 'backplane'>
  }

  #figures (): Record<string, TopicFigures> {
    const all: Record<string, TopicFigures> = {}
    const figuresOf = ({ url, counts }: Policy): TopicFigures => all[url] ??= { topics: 0, subscriptions: 0, ...counts }
    for (const topic of [this.#hub.undeclared, ...this.#topics]) figuresOf(topic)
    for (const { policy, size } of this.#hub.channels) {
      const figures = figuresOf(policy)
      figures.topics++
      figures.subscriptions += size
    }
    return all
  }
}
