import type { SocketSet, SocketStats, TopicFigures } from '../../types/socket.ts'
import type { Engine } from '../backplane/engine.ts'
import { FST_ERR_WS_TOPIC_TWICE } from '../errors.ts'
import { publicSet } from '../live/live-set.ts'
import type { LiveSocket, SocketTopics } from '../live/live-socket.ts'
import type { Scope } from '../live/scope.ts'
import { Answer } from '../socket/answer.ts'
import { Hub } from './hub.ts'
import type { Policy } from './policy.ts'
import type { Publication } from './publication.ts'
import { publishByName } from './publish.ts'
import { Subscriber } from './subscriber.ts'
import type { DeclaredTopic, TopicCompilers } from './topic.ts'
import { sendToAll, Users } from './users.ts'

/** Everything about topics and users that belongs to one registration of the plugin. */
export class TopicScope {
  readonly users: Users
  /** `app.sockets`. */
  readonly public: SocketSet
  readonly #scope: Scope
  readonly #hub: Hub
  readonly #topics: DeclaredTopic[] = []

  /** @param complain logs a failure that nobody waits for, and how many more there were */
  constructor (scope: Scope, engine: Engine<Publication>, complain: (error: unknown, topic: string, untold: number) => void) {
    this.#scope = scope
    this.#hub = new Hub(engine, complain)
    this.users = new Users(scope.options.identify, error => this.#hub.report(error, ''))
    this.public = this.#publicSet()
  }

  open (): Promise<void> {
    return this.#hub.engine.open(this.#hub)
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
    await this.#hub.engine.close()
  }

  #publicSet (): SocketSet {
    const { live } = this.#scope
    const report = (error: unknown): void => { this.#hub.report(error, '') }
    return Object.assign(publicSet(live), {
      publish: (name: string, message: unknown, options?: object) => publishByName(this.#hub, name, message, options),
      broadcast: (message: unknown) => Answer.of(async () => { sendToAll(live, message) }, report),
      user: (id: string) => this.users.of(id),
      stats: (): SocketStats => ({ ...live.stats.figures(live), topics: this.#figures() })
    })
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
