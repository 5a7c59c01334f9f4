import type { BackplaneEvents, StoredMember } from '../../types/backplane.ts'
import type { Clock } from './clock.ts'
import type { Link } from './link.ts'
import { claimExpired, type Lease, Leases } from './leases.ts'
import { add, entryOf, remove } from './member-entry.ts'
import type { Settings } from './options.ts'
import { Stream } from './stream.ts'
import type { Subjects } from './subjects.ts'

/** At most so many members are joined again at once. */
const AT_ONCE = 64
/** Heartbeats in which it is looked whether a call that failed has been carried out after all. */
const DOUBTS = 3

/** A member of this process. */
interface Own {
  readonly topic: string
  readonly member: StoredMember
  /** By which id of this process the others know it. */
  as: string | null
}

/** A member of which it is not certain what the others know: a call failed. */
interface Doubt {
  readonly topic: string
  readonly id: string
  /** Whether its leaving was promised to be told. */
  hasLeft: boolean
  looks: number
}

/**
 * The members of all processes: a stream with one message for each, which says in which processes it is. It is only ever changed
 * if it is still what was read, so of several processes one makes the first and the last change. Another kind of message for each
 * process is its lease.
 */
export class Members {
  events: BackplaneEvents | null = null
  readonly #settings: Settings
  readonly #subjects: Subjects
  readonly #clock: Clock
  readonly #own = new Map<string, Own>()
  readonly #doubts = new Map<string, Doubt>()
  /** The last call for each member: they come one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>()
  #stream: Stream | null = null
  #leases: Leases | null = null
  #timer: NodeJS.Timeout | null = null
  #lease: Lease | null = null
  /** The connection on which a heartbeat is under way. */
  #beating: Link | null = null

  constructor (settings: Settings, subjects: Subjects, clock: Clock) {
    this.#settings = settings
    this.#subjects = subjects
    this.#clock = clock
  }

  /** There is a connection. Resolves when this process is known to the others; its members follow. */
  async attach (link: Link): Promise<void> {
    const { membersStream, allMembers, allNodes } = this.#subjects
    const stream = new Stream(link, this.#settings, membersStream)
    await stream.ensure({ subjects: [allMembers, allNodes], max_msgs_per_subject: 1 })
    link.subscribe(`$JS.EVENT.ADVISORY.STREAM.DELETED.${membersStream}`, () => link.lose(new Error(`the stream ${membersStream} was deleted`)))
    const leases = new Leases(stream, this.#subjects, this.#settings, this.#clock)
    this.#lease = await leases.renew(this.#lease)
    this.#stream = stream
    this.#leases = leases
    this.#timer = setInterval(() => void this.#beat(link), this.#settings.lease / 3).unref()
    // Others are looked after at once: all may have been away for long.
    void this.#beat(link)
  }

  /** There is no connection any more. */
  detach (): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#stream = this.#leases = null
  }

  /** The members stay for a moment. */
  async close (): Promise<void> {
    const leases = this.#leases
    this.detach()
    if (leases === null || this.#lease === null) return
    if (this.#own.size === 0) await leases.end(this.#lease)
    else await leases.shorten(this.#lease)
  }

  join (topic: string, member: StoredMember): Promise<boolean> {
    const key = keyOf(topic, member.id)
    const end = this.#end()
    return this.#inTurn(key, async () => {
      const node = this.#lease!.node
      try {
        const isNew = await add(this.#known(), this.#subjects.member(topic, member.id), topic, member, node, end)
        this.#own.set(key, { topic, member, as: node })
        this.#doubts.delete(key)
        return isNew
      } catch (error) {
        this.#doubt(key, topic, member.id, false)
        throw error
      }
    })
  }

  leave (topic: string, id: string): Promise<boolean> {
    const key = keyOf(topic, id)
    const end = this.#end()
    return this.#inTurn(key, async () => {
      const own = this.#own.get(key)
      this.#own.delete(key)
      try {
        const gone = await remove(this.#known(), this.#subjects.member(topic, id), node => this.#isOurs(node), end)
        this.#doubts.delete(key)
        return gone !== null
      } catch (error) {
        this.#doubt(key, topic, id, own !== undefined)
        throw error
      }
    })
  }

  async list (topic: string): Promise<StoredMember[]> {
    const entries = (await this.#known().all(this.#subjects.members(topic))).flatMap(entryOf)
    return entries.sort((one, other) => one.order - other.order).map(({ id, nodes }) => ({ id, info: nodes.at(-1)![1] }))
  }

  count (topic: string): Promise<number> {
    return this.#known().count(this.#subjects.members(topic))
  }

  #known (): Stream {
    if (this.#stream === null) throw new Error('there is no connection to NATS')
    return this.#stream
  }

  /** Nothing is begun for a call any more whose caller has been told that it failed. */
  #end (): number {
    return performance.now() + this.#settings.deadline
  }

  /** Ids that this process has had earlier count as well, until its members have been joined again. */
  #isOurs (node: string): boolean {
    return node === this.#lease!.node || this.#lease!.former.includes(node)
  }

  #doubt (key: string, topic: string, id: string, hasLeft: boolean): void {
    this.#doubts.set(key, { topic, id, hasLeft: hasLeft || this.#doubts.get(key)?.hasLeft === true, looks: DOUBTS })
  }

  #inTurn<Answer> (key: string, call: () => Promise<Answer>): Promise<Answer> {
    const turn = this.#call(this.#turns.get(key), call).finally(() => {
      if (this.#turns.get(key) === turn) this.#turns.delete(key)
    })
    this.#turns.set(key, turn)
    return turn
  }

  async #call<Answer> (before: Promise<unknown> | undefined, call: () => Promise<Answer>): Promise<Answer> {
    await Promise.allSettled([before])
    return call()
  }

  /** Renews the lease, joins again whom the others do not know, and looks after the members of processes that are gone. */
  async #beat (link: Link): Promise<void> {
    const leases = this.#leases
    if (leases === null || this.#lease === null || this.#beating === link) return
    this.#beating = link
    try {
      this.#lease = await leases.renew(this.#lease)
      await this.#rejoin()
      await this.#settle()
      const stream = this.#known()
      const gone = await claimExpired(leases, this.#lease)
      if (gone.length > 0) await this.#removeNodes(stream, leases, gone)
    } catch (error) {
      // A heartbeat that fails for any other reason than the connection must not go unnoticed.
      if (this.#leases === leases) link.lose(error as Error)
    } finally {
      if (this.#beating === link) this.#beating = null
    }
  }

  async #rejoin (): Promise<void> {
    const lost = [...this.#own].filter(([, { as }]) => as !== this.#lease!.node)
    await inBatches(lost, ([key]) => this.#inTurn(key, async () => {
      const own = this.#own.get(key)
      const { node } = this.#lease!
      if (own === undefined || own.as === node) return
      const { topic, member } = own
      const isNew = await add(this.#known(), this.#subjects.member(topic, member.id), topic, member, node, this.#end(), this.#lease!.former)
      own.as = node
      if (isNew) this.events!.onBack(topic, member)
    }))
  }

  /** Makes what the others know what it must be, where a call failed. It may be carried out late, so this is done more than once. */
  async #settle (): Promise<void> {
    await inBatches([...this.#doubts], ([key, doubt]) => this.#inTurn(key, async () => {
      if (this.#doubts.get(key) !== doubt) return
      const { topic, id, hasLeft } = doubt
      const subject = this.#subjects.member(topic, id)
      const own = this.#own.get(key)
      if (own !== undefined) {
        await add(this.#known(), subject, topic, own.member, this.#lease!.node, this.#end())
      } else {
        const gone = await remove(this.#known(), subject, node => this.#isOurs(node), this.#end())
        if (gone !== null && hasLeft) this.events!.onGone(topic, gone)
      }
      if (--doubt.looks === 0) this.#doubts.delete(key)
    }))
  }

  /** Processes are gone: this one has taken it on itself to remove their members. */
  async #removeNodes (stream: Stream, leases: Leases, gone: readonly Lease['node'][]): Promise<void> {
    const found = (await stream.all(this.#subjects.allMembers)).flatMap(stored => entryOf(stored).map(entry => ({ subject: stored.subject, entry })))
    const dead = new Set(gone)
    // Asked behind the members: whoever has one had a lease before.
    for (const node of new Set(found.flatMap(({ entry: { nodes } }) => nodes.map(([node]) => node)))) {
      if (!dead.has(node) && !await leases.knows(node)) dead.add(node)
    }
    const isGone = (node: string) => dead.has(node)
    const affected = found.filter(({ entry }) => entry.nodes.some(([node]) => isGone(node)))
    await inBatches(affected, async ({ subject, entry: { topic } }) => {
      const member = await remove(stream, subject, isGone, this.#end())
      if (member !== null) this.events!.onGone(topic, member)
    })
    await leases.forget(gone)
  }
}

function keyOf (topic: string, id: string): string {
  return JSON.stringify([topic, id])
}

async function inBatches<Item> (items: readonly Item[], work: (item: Item) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < items.length; i += AT_ONCE) await Promise.all(items.slice(i, i + AT_ONCE).map(work))
}

