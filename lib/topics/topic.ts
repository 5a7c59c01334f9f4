import { randomUUID } from 'node:crypto'
import type { Retention } from '../backplane/engine.ts'
import { FST_ERR_WS_INVALID_PUBLISH, FST_ERR_WS_POSITION, FST_ERR_WS_TOPIC_NOT_READY } from '../errors.ts'
import { toBytes } from '../socket/bytes.ts'
import { PreparedMessage } from '../socket/prepared-message.ts'
import type { Hub } from './hub.ts'
import type { TopicUrl } from './name.ts'
import { noCounts, type Overflow, type Policy } from './policy.ts'
import { Presence, type PresenceSettings } from './presence.ts'
import { JsonPublication, type Publication, ValuePublication } from './publication.ts'

export interface TopicSettings {
  readonly retention: Retention | null
  /** The property that the position is put into; null: none. */
  readonly position: string | null
  readonly presence: PresenceSettings | null
  readonly overflow: Overflow
}

/** What its schemas have been compiled into. */
export interface TopicCompilers {
  /** Returns the valid, perhaps coerced parameters. @throws {FST_ERR_WS_TOPIC_PARAMS} */
  params: (params: Record<string, unknown>) => Record<string, unknown>
  /** Null: each route encodes messages for itself. */
  serialize: ((message: unknown) => string) | null
}

/** A message as it is now, for a history: the user may change the value afterwards. Text and what is prepared stay as they are. */
function snapshotOf (message: unknown): unknown {
  if (typeof message !== 'object' || message === null || PreparedMessage.formsOf(message) !== null) return message
  const bytes = toBytes(message, true)
  return bytes === null ? JSON.parse(JSON.stringify(message)) : Buffer.from(bytes)
}

/** Stands for a position that is not known yet. Random, so that no message contains it by chance or on purpose. */
const PLACEHOLDER = `position-${randomUUID()}`

/** A declared topic: one for each value of its parameters. */
export class DeclaredTopic implements Policy {
  readonly url: string
  readonly retention: Retention | null
  readonly overflow: Overflow
  readonly counts = noCounts()
  readonly #url: TopicUrl
  readonly #settings: TopicSettings
  /** Null until the app is ready. */
  #booted: { hub: Hub, compilers: TopicCompilers, presence: Presence | null } | null = null

  constructor (url: TopicUrl, settings: TopicSettings) {
    this.url = url.text
    this.retention = settings.retention
    this.overflow = settings.overflow
    this.#url = url
    this.#settings = settings
  }

  /** Called when everything is declared. */
  boot (hub: Hub, compilers: TopicCompilers): void {
    const { presence } = this.#settings
    this.#booted = {
      hub,
      compilers,
      presence: presence && new Presence(
        hub.engine, presence, (name, make) => { void this.#announce(name, make) }, (error, name) => hub.report(error, name)
      )
    }
  }

  async #announce (name: string, make: () => unknown): Promise<void> {
    const { hub } = this
    try {
      await hub.publish(name, this, this.publication(make(), null), undefined)
    } catch (error) {
      hub.report(error, name)
    }
  }

  /** A failure that nobody waits for. */
  readonly report = (error: unknown): void => {
    this.#booted?.hub.report(error, this.url)
  }

  /** Whether a topic with this name is one of these. */
  matches (name: string): boolean {
    return this.#url.matches(name)
  }

  /** Whether both could have a topic of the same name. */
  overlaps (other: DeclaredTopic): boolean {
    return this.#url.overlaps(other.#url)
  }

  get hasParams (): boolean {
    return this.#url.params.length > 0
  }

  /** @throws {FST_ERR_WS_TOPIC_NOT_READY} */
  get hub (): Hub {
    return this.#mustBeBooted().hub
  }

  get presence (): Presence | null {
    return this.#mustBeBooted().presence
  }

  /**
   * The name of the topic with these parameters.
   *
   * @throws {FST_ERR_WS_TOPIC_NOT_READY | FST_ERR_WS_TOPIC_PARAMS | FST_ERR_WS_TOPIC_NAME}
   */
  nameOf (params: unknown): string {
    const { compilers } = this.#mustBeBooted()
    return this.#url.name(this.hasParams ? compilers.params(params as Record<string, unknown>) : {})
  }

  /** @throws {FST_ERR_WS_INVALID_PUBLISH | FST_ERR_WS_POSITION} */
  publication (message: unknown, except: string | null): Publication {
    const { serialize } = this.#mustBeBooted().compilers
    if (serialize === null) return new ValuePublication(this.retention === null ? message : snapshotOf(message), except)
    const { position } = this.#settings
    if (position === null) return new JsonPublication([serialize(message)], except)
    const parts = serialize(withPosition(message, position)).split(PLACEHOLDER)
    if (parts.length !== 2) throw new FST_ERR_WS_POSITION(this.url, position)
    return new JsonPublication(parts, except)
  }

  close (): void {
    this.#booted?.presence?.close()
  }

  #mustBeBooted () {
    if (this.#booted === null) throw new FST_ERR_WS_TOPIC_NOT_READY(this.url)
    return this.#booted
  }
}

/** A copy of a message with the placeholder in it. @throws {FST_ERR_WS_INVALID_PUBLISH} */
function withPosition (message: unknown, property: string): object {
  // Each of their bytes would be a property.
  if (ArrayBuffer.isView(message)) throw new FST_ERR_WS_INVALID_PUBLISH('message must be object')
  const { toJSON } = message as { toJSON?: unknown } ?? {}
  const value: unknown = typeof toJSON === 'function' ? toJSON.call(message) : message
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new FST_ERR_WS_INVALID_PUBLISH('message must be object')
  const copy = { ...value, [property]: PLACEHOLDER }
  // Serializers also read what a class defines.
  for (let proto = Object.getPrototypeOf(value); proto !== null && proto !== Object.prototype; proto = Object.getPrototypeOf(proto)) {
    for (const name of Object.keys(Object.getOwnPropertyDescriptors(proto))) {
      if (!(name in copy)) Object.defineProperty(copy, name, { get: () => (value as Record<string, unknown>)[name] })
    }
  }
  return copy
}
