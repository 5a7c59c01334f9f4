import { inspect } from 'node:util'
import type { Member, Published, PublishOptions, SingleTopic } from '../../types/topics.ts'
import { FST_ERR_WS_NO_HISTORY, FST_ERR_WS_NO_PRESENCE, FST_ERR_WS_OPTION } from '../errors.ts'
import { Answer } from '../socket/answer.ts'
import { publish } from './publish.ts'
import type { DeclaredTopic } from './topic.ts'

/** What `app.topic()` returns. Without parameters, its methods have one argument less. */
export class PublicTopic implements SingleTopic {
  readonly #inside: DeclaredTopic

  constructor (inside: DeclaredTopic) {
    this.#inside = inside
  }

  /** The inside of a topic; null for anything else, which is not touched because it may be a Proxy. */
  static insideOf (value: unknown): DeclaredTopic | null {
    return typeof value === 'object' && value !== null && #inside in value ? value.#inside : null
  }

  get url (): string {
    return this.#inside.url
  }

  publish (...args: any[]): Promise<Published> {
    const [params, message, options] = this.#split<[unknown, PublishOptions | undefined]>(args)
    return publish(this.#inside, params, message, options)
  }

  history (...args: any[]): Promise<any[]> {
    const [params, options] = this.#split<[{ limit?: number } | undefined]>(args)
    return this.#ask(async () => {
      const { hub, retention, url } = this.#inside
      const name = this.#inside.nameOf(params)
      if (retention === null) throw new FST_ERR_WS_NO_HISTORY(url)
      const limit = options?.limit ?? retention.size
      if (!Number.isSafeInteger(limit) || limit < 1) throw new FST_ERR_WS_OPTION('limit', 'a whole number, at least 1')
      const recent = await hub.engine.last(name, retention, limit)
      return recent.map(({ message, at }) => ({ message: message.value(at), at }))
    })
  }

  members (...args: any[]): Promise<Member[]> {
    return this.#ask(() => this.#inside.hub.engine.members(this.#nameForPresence(args)))
  }

  count (...args: any[]): Promise<number> {
    return this.#ask(() => this.#inside.hub.engine.count(this.#nameForPresence(args)))
  }

  /** Nobody asks without waiting for the answer: then nothing is to be reported. */
  #ask<Value> (work: () => Promise<Value>): Promise<Value> {
    return Answer.of(work, () => {})
  }

  [inspect.custom] (): string {
    return `Topic ${this.url}`
  }

  #split<Rest extends unknown[]> (args: any[]): [unknown, ...Rest] {
    return (this.#inside.hasParams ? args : [{}, ...args]) as [unknown, ...Rest]
  }

  #nameForPresence (args: any[]): string {
    const name = this.#inside.nameOf(this.#inside.hasParams ? args[0] : {})
    if (this.#inside.presence === null) throw new FST_ERR_WS_NO_PRESENCE(this.url)
    return name
  }
}
