import type { Beginning } from 'fastify-sockets'
import { until } from './until.ts'
import type { Entry, Kind } from './node.ts'
import { Wire, type WireOwner } from './wire.ts'

/** Milliseconds until a client connects again, at random between these. */
const PAUSE: readonly [number, number] = [30, 150]
/** Clients that connect at a time. */
const AT_A_TIME = 250

export interface FollowerOptions {
  /** Asked for each connection. */
  port (): number
  kind: Kind
  room: string
  /** More of the URL's query: `{ user: 'u1' }`. */
  query?: Record<string, string>
  /** Default true: it connects again, with the last position that it has. */
  returns?: boolean
  /** Milliseconds until then, at random between these. */
  pause?: readonly [number, number]
}

export interface Received extends Entry {
  /** Only rooms have positions. */
  at?: string
}

/** A client that follows a topic as one of the package would, and keeps the books. */
export class Follower implements WireOwner {
  readonly options: FollowerOptions
  /** In parts: a new one begins where messages may be missing. */
  readonly parts: Received[][] = [[]]
  /** Everything that `begin` has told. */
  readonly beginnings: Beginning[] = []
  /** How its connections have ended: see `Wire`. */
  readonly ends: number[] = []
  /** Messages that are no entries, such as of `user(id).send()`. */
  readonly others: string[] = []
  connections = 0
  #at: string | null = null
  #wire: Wire | null = null
  #isSubscribed = false
  #isOver = false
  #timer: NodeJS.Timeout | undefined

  constructor (options: FollowerOptions) {
    this.options = options
    this.#connect()
  }

  get received (): Received[] {
    return this.parts.length === 1 ? this.parts[0]! : this.parts.flat()
  }

  get isSubscribed (): boolean {
    return this.#isSubscribed
  }

  /** Of the last message that it has, or of its beginning. */
  get at (): string | null {
    return this.#at
  }

  /** Loses its connection, and comes back. */
  cut (): void {
    this.#wire?.cut()
  }

  pause (): void {
    this.#wire?.pause()
  }

  resume (): void {
    this.#wire?.resume()
  }

  /** Loses its connection, and stays away until `come`. */
  leave (): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#wire?.cut()
  }

  come (): void {
    this.#isOver = false
    this.#connect()
  }

  onText (text: string): void {
    const message = JSON.parse(text)
    if (message.begin !== undefined) this.#begin(message.begin)
    else if (message.subscribed !== undefined) this.#isSubscribed = true
    else if (message.from === undefined) this.others.push(text)
    else {
      this.parts.at(-1)!.push(message)
      if (message.at !== undefined) this.#at = message.at
    }
  }

  onEnd (code: number): void {
    this.#wire = null
    this.#isSubscribed = false
    this.ends.push(code)
    if (this.#isOver || this.options.returns === false) return
    const [least, most] = this.options.pause ?? PAUSE
    this.#timer = setTimeout(() => { this.#connect() }, least + Math.random() * (most - least))
  }

  #begin (beginning: Beginning): void {
    this.beginnings.push(beginning)
    if (beginning.recovered) return
    if (this.parts.at(-1)!.length > 0) this.parts.push([])
    if (beginning.at !== '') this.#at = beginning.at
  }

  #connect (): void {
    const { kind, room, query, port } = this.options
    const search = new URLSearchParams({ ...query, ...this.#at === null ? {} : { since: this.#at } })
    this.connections++
    this.#wire = new Wire(port(), `/${kind}/${room}?${search}`, this)
  }
}

/** Followers that end with the test; resolves when all are subscribed. */
export async function startFollowers (
  t: { teardown (end: () => unknown): unknown }, count: number, options: (index: number) => FollowerOptions
): Promise<Follower[]> {
  const followers: Follower[] = []
  t.teardown(() => { for (const follower of followers) follower.leave() })
  while (followers.length < count) {
    const least = followers.length
    while (followers.length < Math.min(count, least + AT_A_TIME)) followers.push(new Follower(options(followers.length)))
    await areSubscribed(followers.slice(least))
  }
  return followers
}

/** Resolves when all are, be it again. */
export async function areSubscribed (followers: Follower[]): Promise<void> {
  await until(() => followers.every(({ isSubscribed }) => isSubscribed), `${followers.length} followers are subscribed`)
}
