import { randomBytes } from 'node:crypto'
import type { Clock } from './clock.ts'
import type { Settings } from './options.ts'
import type { Entry, Stream } from './stream.ts'
import type { Subjects } from './subjects.ts'

/** Longer ago, no call that used them can be under way. */
const MOST_FORMER = 8

/** A process is known to the others as long as it renews its lease. */
export interface Lease {
  readonly node: string
  /** The number of the message that says so. */
  readonly seq: number
  /** Ids that this process had before it was taken for gone, the last ones. */
  readonly former: readonly string[]
}

interface Found {
  readonly node: string
  readonly seq: number
  readonly time: number
  readonly milliseconds: number
}

/** The leases of all processes: a message for each, whose age is measured by the server. */
export class Leases {
  readonly #stream: Stream
  readonly #subjects: Subjects
  readonly #settings: Settings
  readonly #clock: Clock

  constructor (stream: Stream, subjects: Subjects, settings: Settings, clock: Clock) {
    this.#stream = stream
    this.#subjects = subjects
    this.#settings = settings
    this.#clock = clock
  }

  /** If the lease is not there any more, this process was taken for gone, and becomes another one. */
  async renew (lease: Lease | null): Promise<Lease> {
    const sent = performance.now()
    const seq = lease === null ? null : await this.put(lease.node, lease.seq, this.#settings.lease)
    const renewed = seq === null ? await this.#begin(lease) : { ...lease!, seq }
    const received = performance.now()
    const own = await this.#stream.lastOf(this.#subjects.node(renewed.node))
    if (own !== null) this.#clock.set(own.time, sent, received)
    return renewed
  }

  /** Nobody waits for this process. */
  async end ({ seq }: Lease): Promise<void> {
    await this.#stream.remove(seq)
  }

  /** Its members stay for the time of grace. */
  async shorten ({ node, seq }: Lease): Promise<void> {
    await this.put(node, seq, this.#settings.grace)
  }

  async all (): Promise<Found[]> {
    return (await this.#stream.all(this.#subjects.allNodes)).map(foundOf)
  }

  /** Whether there is a lease, over or not. */
  async knows (node: string): Promise<boolean> {
    return await this.#stream.lastOf(this.#subjects.node(node)) !== null
  }

  /** @returns null: the lease is another one by now */
  put (node: string, seq: number, milliseconds: number): Promise<number | null> {
    return this.#stream.put(this.#subjects.node(node), Buffer.from(JSON.stringify({ v: 1, lease: milliseconds })), seq)
  }

  /** Others have forgotten it if it comes back. */
  async forget (nodes: readonly string[]): Promise<void> {
    for (const { node, seq } of await this.all()) if (nodes.includes(node)) await this.#stream.remove(seq)
  }

  /** The others whose lease is over. */
  async expired ({ node: own }: Lease): Promise<Found[]> {
    const all = await this.all()
    return all.filter(({ node, time, milliseconds }) => node !== own && this.#clock.now() - time > milliseconds)
  }

  /** A claim is over as leases are, if whoever has claimed it goes as well. */
  get claimTime (): number {
    return this.#settings.lease
  }

  async #begin (lease: Lease | null): Promise<Lease> {
    const node = randomBytes(9).toString('base64url')
    const seq = await this.put(node, 0, this.#settings.lease)
    if (seq === null) throw new Error('JetStream knows a process that has only just got its name')
    return { node, seq, former: lease === null ? [] : [...lease.former.slice(-MOST_FORMER + 1), lease.node] }
  }
}

function foundOf ({ subject, seq, time, data }: Entry): Found {
  const node = subject.slice(subject.lastIndexOf('.') + 1)
  try {
    const { lease } = JSON.parse(Buffer.from(data).toString()) as { lease: number }
    return { node, seq, time, milliseconds: lease }
  } catch {
    return { node, seq, time, milliseconds: Infinity }
  }
}

/** Of several processes that notice that one is gone, one looks after its members. */
export async function claimExpired (leases: Leases, own: Lease): Promise<string[]> {
  const claimed = []
  for (const { node, seq } of await leases.expired(own)) {
    if (await leases.put(node, seq, leases.claimTime) !== null) claimed.push(node)
  }
  return claimed
}
