import type { OutgoingMessage, Retention } from '../../types/backplane.ts'
import { announce, numberedPart } from './announcement.ts'
import { encoded, type Keys } from './keys.ts'
import type { Reply } from './link.ts'
import { parseEntry, positionText, randomTag, UniqueTexts } from './position.ts'
import { publish } from './scripts/publish.ts'
import type { Store } from './store.ts'

/** At most so many messages, and about so many bytes, are in one call: the server does nothing else while it runs. */
const MOST_MESSAGES = 128
const MOST_BYTES = 256 * 1024
/** At most so many calls are on their way; what is published meanwhile goes together in one, which is much less work. */
const MOST_CALLS = 2

interface Waiting {
  readonly message: OutgoingMessage
  /** When its time is over, as `performance.now()` tells it. */
  readonly end: number
}

/** Messages of one topic in one call. */
interface Part {
  readonly topic: string
  readonly retention: Retention | null
  readonly messages: OutgoingMessage[]
  readonly tags: number[]
  hasIds: boolean
}

/** Messages whose calls are sent one after the other. */
class Lane {
  calls = 0
  waiting: Waiting[] = []
}

/** Publishes, many messages at a time. */
export class Publisher {
  readonly #store: Store
  readonly #keys: Keys
  readonly #epochs = new UniqueTexts()
  readonly #lanes = new Map<number, Lane>()

  constructor (store: Store, keys: Keys) {
    this.#store = store
    this.#keys = keys
  }

  /** A new epoch. */
  epoch (): string {
    return this.#epochs.next()
  }

  publish (messages: readonly OutgoingMessage[]): void {
    const end = performance.now() + this.#store.deadline
    const lanes = new Set<Lane>()
    for (const message of messages) {
      const lane = this.#lane(message.topic)
      lane.waiting.push({ message, end })
      lanes.add(lane)
    }
    for (const lane of lanes) this.#send(lane)
  }

  #lane (topic: string): Lane {
    const group = this.#store.groupOf(this.#keys.of(topic).partition)
    let lane = this.#lanes.get(group)
    if (lane === undefined) this.#lanes.set(group, lane = new Lane())
    return lane
  }

  #send (lane: Lane): void {
    while (lane.waiting.length > 0 && lane.calls < MOST_CALLS) {
      const some = take(lane)
      lane.calls++
      void this.#call(some).then(() => {
        lane.calls--
        this.#send(lane)
      })
    }
  }

  async #call (some: readonly Waiting[]): Promise<void> {
    const parts = partsOf(some)
    const keys: string[] = []
    const args: Array<string | Uint8Array> = [this.#epochs.next(), this.#store.announcing]
    for (const part of parts) this.#add(part, keys, args)
    try {
      const answers = await this.#store.run(publish, this.#keys.of(some[0]!.message.topic).partition, keys, args, some[0]!.end)
      tell(parts, answers as Reply[])
    } catch (error) {
      for (const { message } of some) message.failed(error as Error)
    }
  }

  #add ({ topic, retention, messages, tags, hasIds }: Part, keys: string[], args: Array<string | Uint8Array>): void {
    const { channel, meta, stream, ids } = this.#keys.of(topic)
    const bytes = messages.map(message => message.bytes)
    if (retention === null) {
      keys.push(channel)
      args.push(channel, '0', announce(bytes))
      return
    }
    keys.push(meta, stream, ids)
    const { size, ttl } = retention
    const all = bytes.length === 1 ? bytes[0]! : Buffer.concat(bytes)
    args.push(channel, `${bytes.length} ${size} ${Math.ceil(ttl)}${hasIds ? ' i' : ''}`, numberedPart(tags, bytes), all)
    if (hasIds) for (const { id } of messages) args.push(id === null ? '+' : `+${encoded(id)}+`)
  }
}

/** What goes in the next call. */
function take (lane: Lane): Waiting[] {
  let bytes = 0
  let count = 0
  for (const { message } of lane.waiting) {
    bytes += message.bytes.length
    if (count > 0 && (count === MOST_MESSAGES || bytes > MOST_BYTES)) break
    count++
  }
  return lane.waiting.splice(0, count)
}

/** By topic, in the order in which the topics come first. */
function partsOf (some: readonly Waiting[]): Part[] {
  const parts: Part[] = []
  const last = new Map<string, Part>()
  for (const { message } of some) {
    const { topic, retention, id } = message
    let part = last.get(topic)
    if (part === undefined || !isSame(part.retention, retention)) {
      parts.push(part = { topic, retention, messages: [], tags: [], hasIds: false })
      last.set(topic, part)
    }
    part.messages.push(message)
    if (retention === null) continue
    part.tags.push(randomTag())
    if (id !== null) part.hasIds = true
  }
  return parts
}

function isSame (one: Retention | null, other: Retention | null): boolean {
  return one === other || (one !== null && other !== null && one.size === other.size && one.ttl === other.ttl)
}

function tell (parts: readonly Part[], answers: readonly Reply[]): void {
  let next = 0
  for (const { retention, messages, tags, hasIds } of parts) {
    if (retention === null) {
      for (const message of messages) message.done('')
      continue
    }
    const epoch = String(answers[next++])
    if (hasIds) {
      for (const message of messages) {
        const { seq, tag } = parseEntry(answers[next++] as Buffer)
        message.done(positionText(epoch, seq, tag))
      }
    } else {
      const first = Number(answers[next++])
      for (let i = 0; i < messages.length; i++) messages[i]!.done(positionText(epoch, first + i, tags[i]!))
    }
  }
}
