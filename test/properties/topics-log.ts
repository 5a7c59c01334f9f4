import type { Beginning, Position } from 'fastify-sockets'

/** What was published to a topic. */
export interface Entry {
  /** From 1. */
  n: number
  /** The name of those who do not get it; null: everybody does. */
  except: string | null
  id: string | null
  /** Null: that is not known yet. */
  at: Position | null
  /** The number in it. */
  seq: number
}

/** What an engine must make of what is published, as simple as can be. */
export class TopicLog {
  readonly entries: Entry[] = []
  /** Of the message that was acknowledged last. */
  acknowledged: Position | null = null
  readonly #size: number

  /** @param size of its history; 0: there is none */
  constructor (size: number) {
    this.#size = size
  }

  get length (): number {
    return this.entries.length
  }

  /** @returns the message; an earlier one with the same id if that is still kept */
  publish (except: string | null, id: string | null): Entry {
    const known = id === null ? undefined : this.entries.slice(-this.#size).find(one => one.id === id)
    if (known !== undefined) return known
    const entry: Entry = { n: this.length + 1, except, id, at: null, seq: Infinity }
    this.entries.push(entry)
    return entry
  }

  /** @returns whether it had no other position */
  acknowledge (entry: Entry, at: Position): boolean {
    this.acknowledged = at
    if (entry.at === null) {
      entry.at = at
      entry.seq = seqOf(at)!
    }
    return entry.at === at
  }

  /** How many messages behind a position are among the first `length`; null: it is no position. */
  behind (position: string | null, length: number): number | null {
    const seq = position === null ? null : seqOf(position)
    return seq === null ? null : this.entries.slice(0, length).filter(one => one.seq > seq).length
  }

  /** Whether a history that has so many messages in it still knows all that came behind a position. */
  knows (position: string | null, length: number): boolean {
    const missed = this.behind(position, length)
    return this.#size > 0 && missed !== null && missed <= this.#size
  }

  /** What somebody with this name is to get from a position on. All has been acknowledged. */
  expected (position: string, name: string): number[] {
    const seq = seqOf(position)!
    return this.entries.filter(one => one.seq > seq && one.except !== name).map(({ n }) => n)
  }

  /** The last of them; undefined: there is none. */
  last (position: string, name: string): number | undefined {
    const last = this.entries.findLast(({ except }) => except !== name)
    return last === undefined || last.seq <= seqOf(position)! ? undefined : last.n
  }
}

/** The number in a position of the memory engine; null: it is none. Only tests may look into one. */
export function seqOf (position: string): number | null {
  const [, digits] = /^[0-9a-f]{12}-([0-9a-z]+)$/.exec(position) ?? []
  return digits === undefined ? null : parseInt(digits, 36)
}

/** From a call of `subscribe()` until it is subscribed no more. */
export interface Session {
  readonly topic: number
  /** What leaves it out. */
  readonly name: string
  readonly since: string | null
  readonly hasBegin: boolean
  /** How many messages had been published when `subscribe()` was called, and when it resolved. */
  readonly calledAt: number
  resolvedAt: number
  /** What it resolved with; null: it has not. */
  answer: Beginning | null
  /** The position at which it has begun last. */
  at: Position | null
  /** The code of the error that it rejected with. */
  error: string | null
  end: 'none' | 'unsubscribed' | 'disconnected' | 'closed'
  /** How many messages had been published then. */
  endedAt: number
}

/** What a client is told besides what is published, so that its place among that can be seen. */
export type Fact =
  | { is: 'subscribe', session: Session }
  | { is: 'begin', session: Session, beginning: Beginning, length: number }
  | { is: 'unsubscribe', session: Session }
  /** `published`: for each topic, how many of its messages must have come before; 0 where that is not certain. */
  | { is: 'send', published: number[] }

/** What a client got, in order. */
export type Seen = Fact | { is: 'message', topic: number, n: number, at: Position | undefined }

/** Everything about one connection. */
export interface Visit {
  readonly client: number
  readonly sessions: Session[]
  readonly seen: Seen[]
  /** How its client saw it end; null: it has not. */
  code: number | null
}
