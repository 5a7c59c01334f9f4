import type { PresenceChange } from '../../types/topics.ts'
import { Deadlines } from '../backplane/deadlines.ts'
import type { Engine, Member } from '../backplane/engine.ts'
import type { LiveSocket } from '../live/live-socket.ts'
import type { Publication } from './publication.ts'

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

  constructor (engine: Engine<Publication>, settings: PresenceSettings, publish: (topic: string, make: () => unknown) => void) {
    this.#engine = engine
    this.#settings = settings
    this.#publish = publish
    this.#away = new Deadlines(settings.grace, entry => { void this.#left(entry) })
  }

  /** What the others learn of a socket. Code of the user's. */
  describe (socket: LiveSocket): unknown {
    return this.#settings.info(socket.public)
  }

  /** A socket subscribes: it is a member until `exit`. */
  async enter (topic: string, socket: LiveSocket, info: unknown): Promise<void> {
    const id = socket.user ?? socket.id
    const members = this.#topics.get(topic) ?? new Map<string, Entry>()
    this.#topics.set(topic, members)
    const entry = members.get(id) ?? { topic, id, info, sockets: 0 }
    members.set(id, entry)
    entry.sockets++
    entry.info = info
    this.#away.stop(entry)
    const isNew = await this.#engine.join(topic, { id, info })
    if (isNew) this.#tell('joined', topic, { id, info })
  }

  /** It no longer is subscribed. */
  exit (topic: string, socket: LiveSocket): void {
    const entry = this.#topics.get(topic)!.get(socket.user ?? socket.id)!
    if (--entry.sockets === 0) this.#away.start(entry)
  }

  close (): void {
    this.#away.close()
  }

  async #left (entry: Entry): Promise<void> {
    const { topic, id, info } = entry
    const members = this.#topics.get(topic)!
    members.delete(id)
    if (members.size === 0) this.#topics.delete(topic)
    if (await this.#engine.leave(topic, id)) this.#tell('left', topic, { id, info })
  }

  #tell (type: PresenceChange['type'], topic: string, member: Member): void {
    const { announce } = this.#settings
    if (announce !== null) this.#publish(topic, () => announce({ type, member }))
  }
}
