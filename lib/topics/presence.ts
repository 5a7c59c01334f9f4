import { types } from 'node:util'
import type { PresenceChange } from '../../types/topics.ts'
import { Deadlines } from '../backplane/deadlines.ts'
import type { Engine, Member } from '../backplane/engine.ts'
import { FST_ERR_WS_TOPIC_OPTION } from '../errors.ts'
import type { LiveSocket } from '../live/live-socket.ts'
import { handled } from '../socket/pings.ts'
import type { Publication } from './publication.ts'

/** At most so many members leave in one turn of the event loop: each change may be published, by code of the user's. */
const LEFT_PER_TURN = 100

/** The option `presence` with its defaults. */
export interface PresenceSettings {
  info (socket: any): unknown
  /** In milliseconds. */
  readonly grace: number
  /** Null: changes are not published. */
  readonly announce: ((change: PresenceChange<any>) => unknown) | null
}

/** A member that is in this process, or was until a moment ago. */
interface Entry {
  readonly topic: string
  readonly id: string
  info: unknown
  /** How many of its sockets are subscribed. */
  sockets: number
  /** Resolves when the engine has answered all that it was told of the member. */
  told: Promise<unknown>
}

/** The members of a declared topic that are in this process, for all values of its parameters. */
export class Presence {
  readonly #engine: Engine<Publication>
  readonly #settings: PresenceSettings
  /** Publishes a change to the topic of this name; reports what fails. */
  readonly #publish: (topic: string, make: () => unknown) => void
  readonly #topics = new Map<string, Map<string, Entry>>()
  /** Members without a socket, for as long as they may be away. */
  readonly #away: Deadlines<Entry>

  /** @param report is told what fails and nobody waits for */
  constructor (
    engine: Engine<Publication>, settings: PresenceSettings, publish: (topic: string, make: () => unknown) => void,
    report: (error: unknown, topic: string) => void
  ) {
    this.#engine = engine
    this.#settings = settings
    this.#publish = publish
    this.#away = new Deadlines(settings.grace, entry => { this.#left(entry).catch(error => report(error, entry.topic)) }, LEFT_PER_TURN)
  }

  /** What the others learn of a socket. Code of the user's. */
  describe (socket: LiveSocket): unknown {
    return mustBeReady(this.#settings.info(socket.public), 'presence.info')
  }

  /** A socket subscribes: it is a member until `exit`. */
  async enter (topic: string, socket: LiveSocket, info: unknown): Promise<void> {
    const id = socket.user ?? socket.id
    const members = this.#topics.get(topic) ?? new Map<string, Entry>()
    this.#topics.set(topic, members)
    const entry = members.get(id) ?? { topic, id, info, sockets: 0, told: Promise.resolve() }
    members.set(id, entry)
    entry.sockets++
    entry.info = info
    this.#away.stop(entry)
    await this.#inTurn(entry, async () => {
      if (await this.#engine.join(topic, { id, info })) this.#announce('joined', topic, { id, info })
    })
  }

  /** It no longer is subscribed. */
  exit (topic: string, socket: LiveSocket): void {
    const entry = this.#topics.get(topic)!.get(socket.user ?? socket.id)!
    if (--entry.sockets === 0) this.#away.start(entry)
  }

  /** A member went with its process, or came back with it: the engine says so. */
  changed (type: PresenceChange['type'], topic: string, member: Member): void {
    this.#announce(type, topic, member)
  }

  close (): void {
    this.#away.close()
  }

  async #left (entry: Entry): Promise<void> {
    await this.#inTurn(entry, async () => {
      const { topic, id, info } = entry
      if (entry.sockets > 0) return
      try {
        if (await this.#engine.leave(topic, id)) this.#announce('left', topic, { id, info })
      } finally {
        if (entry.sockets === 0) this.#forget(entry)
      }
    })
  }

  #forget ({ topic, id }: Entry): void {
    const members = this.#topics.get(topic)!
    members.delete(id)
    if (members.size === 0) this.#topics.delete(topic)
  }

  /** One after the other: a member that leaves and comes back at once has left before it joins, whatever the engine answers first. */
  #inTurn (entry: Entry, tell: () => Promise<void>): Promise<void> {
    const told = entry.told.then(tell)
    entry.told = told.catch(() => {})
    return told
  }

  #announce (type: PresenceChange['type'], topic: string, member: Member): void {
    const { announce } = this.#settings
    if (announce !== null) this.#publish(topic, () => mustBeReady(announce({ type, member }), 'presence.announce'))
  }
}

/** Refuses a promise, whose rejection nobody would handle. @throws {FST_ERR_WS_TOPIC_OPTION} */
function mustBeReady (value: unknown, option: string): unknown {
  if (!types.isPromise(value)) return value
  void handled(value)
  throw new FST_ERR_WS_TOPIC_OPTION(option, 'a function that returns a value, not a promise')
}
